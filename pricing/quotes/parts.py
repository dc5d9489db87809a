"""The parts of a bundle priced together: the one way for an offer, for a quote under its lock, and for a past price."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from marketplace.units.compute import gpu_hours
from marketplace.units.period import Period
from pricing.curve.queries import PoolPrices, Price
from pricing.curve.terms import Applied, Blocks, lead_weighted
from pricing.curve.together import apply_together
from pricing.quotes.blocks import Ints
from pricing.quotes.bundles import RAMP


@dataclass(frozen=True)
class Part:
    """A block with the list price of each of its days, cents (days,), at the use that the parts before it left."""

    prices: PoolPrices
    pool_id: int
    firmness: str
    period: Period
    quantity: int
    cents: Ints
    prepaid: int

    @property
    def hours(self) -> int:
        return gpu_hours(self.quantity, self.period.days)


def tenor_of(kind: str, periods: Sequence[Period]) -> list[int]:
    """The length in days that earns each part its tenor: a ramp is one contract, other parts have their own."""
    if kind != RAMP:
        return [period.days for period in periods]
    whole = max(period.end for period in periods) - min(period.start for period in periods)
    return [whole.days] * len(periods)


def price_together(kind: str, parts: Sequence[Part], *, quoted_on: date) -> list[Price]:
    """The price of each part, in their order; they sum to that of the bundle."""
    tenors = tenor_of(kind, [part.period for part in parts])
    found: dict[int, Price] = {}
    for version in {part.prices.version_id for part in parts}:  # one for each seller
        rows = [row for row, part in enumerate(parts) if part.prices.version_id == version]
        applied = _applied([parts[row] for row in rows], [tenors[row] for row in rows], quoted_on)
        for at, row in enumerate(rows):
            part = parts[row]
            found[row] = part.prices.price_after(part.firmness, part.period, part.quantity, _one(applied, at))
    return [found[row] for row in range(len(parts))]


def volume_hours(parts: Sequence[Part], version_id: int) -> int:
    """The GPU-hours that earn the parts of one seller their volume."""
    return sum(part.hours for part in parts if part.prices.version_id == version_id)


def _applied(parts: Sequence[Part], tenors: Sequence[int], quoted_on: date) -> Applied:
    terms = parts[0].prices.terms
    leads = [lead_weighted(terms, part.cents, (part.period.start - quoted_on).days).sum() for part in parts]

    def column(values: Sequence[int]) -> Ints:
        return np.array(values, dtype=np.int64)

    return apply_together(
        terms,
        Blocks(
            listed=column([part.cents.sum() for part in parts]),
            weighted=column(leads),
            days=column(tenors),
            gpu_hours=column([part.hours for part in parts]),
            prepaid=column([part.prepaid for part in parts]),
            floor=0,
        ),
        pools=column([part.pool_id for part in parts]),
        floor_parts=column([part.prices.constants.floor_parts for part in parts]),
    )


def _one(applied: Applied, at: int) -> Applied:
    here = slice(at, at + 1)
    off = {kind: cents[here] for kind, cents in applied.off.items()}
    return Applied(applied.listed[here], off, applied.given_back[here])
