"""What a policy makes of a pool's cost: floor, adder, cap, premiums. The same for solves, previews and explanations."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool
from pricing.curve import scarcity
from pricing.curve.models import RESERVE, PoolCurve, PricePolicy

Floats = NDArray[np.float64]
STEP = Decimal("0.000001")


@dataclass(frozen=True)
class Constants:
    """USD per GPU-hour. `reserve` is published and charged in place of energy and capital where it is not None."""

    energy: Decimal
    capital: Decimal
    reserve: Decimal | None
    adder: Decimal
    cap: Decimal
    premiums: tuple[Decimal, ...]
    fill_steepness: float
    dual_steepness: float

    @property
    def floor(self) -> Decimal:
        return self.energy + self.capital if self.reserve is None else self.reserve

    @property
    def floor_parts(self) -> int:
        """The floor in millionths of a dollar per GPU-hour, exact."""
        return int(self.floor.scaleb(6))

    def curve(self, index: int, *, limit: Floats, use: Floats, dual: Floats, lot: int) -> scarcity.Curve:
        """The curve of the class with that rank, over days."""
        return scarcity.curve(
            limit=limit,
            use=use,
            dual=dual,
            base=float(self.floor + self.premiums[index]),
            adder=float(self.adder),
            cap=float(self.cap),
            lot=lot,
            fill_steepness=self.fill_steepness,
            dual_steepness=self.dual_steepness,
        )

    def unit_curve(self, index: int, *, limit: Floats, use: Floats, dual: Floats, lot: int) -> scarcity.Curve:
        """The same for unit prices alone: these need no search for the use at which the formula meets the cap."""
        return scarcity.Curve(
            limit=limit,
            use=use,
            dual=dual,
            base=float(self.floor + self.premiums[index]),
            adder=float(self.adder),
            cap=float(self.cap),
            lot=lot,
            fill_steepness=self.fill_steepness,
            dual_steepness=self.dual_steepness,
            capped_from=limit,
        )


def cost_of(pool: Pool) -> tuple[Decimal, Decimal]:
    """Energy and capital cost, USD per GPU-hour: all-in kW x PUE x energy price, and the accelerator's capital."""
    energy = pool.accelerator.all_in_kw * pool.site.pue * pool.site.energy_usd_per_kwh
    return energy.quantize(STEP), pool.accelerator.capital_usd_per_gpu_hour.quantize(STEP)


def constants_of(policy: PricePolicy, pool: Pool, cost: Sequence[Decimal]) -> Constants:
    """What the policy makes of a pool that costs `cost` (energy, capital)."""
    energy, capital = cost
    reserve = _reserve(policy, pool, energy + capital)
    floor = energy + capital if reserve is None else reserve
    return Constants(
        energy=energy,
        capital=capital,
        reserve=reserve,
        adder=(floor * policy.adder_over_floor).quantize(STEP),
        cap=(floor * policy.cap_over_floor).quantize(STEP),
        premiums=tuple((floor * premium).quantize(STEP) for premium in policy.premiums()),
        fill_steepness=float(policy.fill_steepness),
        dual_steepness=float(policy.dual_steepness),
    )


def _reserve(policy: PricePolicy, pool: Pool, cost: Decimal) -> Decimal | None:
    """The pool's own reserve price, else its accelerator's, else cost and markup; None where the floor is published."""
    prices = policy.reserve_prices
    own = prices.get(pool.public_id, prices.get(pool.accelerator.key))
    if own is not None:
        return Decimal(own).quantize(STEP)
    if policy.floor_markup or policy.publishes == RESERVE:
        return (cost * (1 + policy.floor_markup)).quantize(STEP)
    return None


def stored_constants(row: PoolCurve) -> Constants:
    """Those that a price version was made with."""
    return Constants(
        energy=row.energy,
        capital=row.capital,
        reserve=row.reserve,
        adder=row.adder,
        cap=row.cap,
        premiums=tuple(row.premiums),
        fill_steepness=row.fill_steepness,
        dual_steepness=row.dual_steepness,
    )
