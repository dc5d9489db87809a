"""How late things come: slip distributions per kind of milestone, shared shocks, and keyed random numbers.

A slip is a shifted lognormal, increasing in one standard normal z per milestone and scenario:

    slip(z) = reach * (exp(mu + sigma z) - early_days),   reach = clip(lead / full_lead_days, least_reach, 1)

so that it is never more than `early_days` early, half the time above the median, one time in ten above the p90. Plans
that are close slip less than plans that are far: `lead` is the time from today to the date that is slipping. A kind may
have a reach of its own; the others follow the policy's.
z mixes a shock shared by the site (weather, grid), one shared by the kind (chips, transformers, trades) and one of the
milestone's own; the squares of the three weights add up to 1.
"""

import tomllib
from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import blake2b
from math import erfc, log, sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from marketplace.supply.world import KINDS, Floats

Z90 = NormalDist().inv_cdf(0.9)
EARLIEST = 1.0  # a milestone that is not actual today is ready tomorrow at the earliest


@dataclass(frozen=True)
class SlipModel:
    """Days by which one kind of milestone comes late, for a plan `full_lead_days` or more away.

    `full_lead_days`, `least_reach`: this kind's own, or None for the policy's.
    """

    kind: str
    early_days: float
    median_days: float
    p90_days: float
    assumption: bool
    source: str
    full_lead_days: float | None = None
    least_reach: float | None = None

    @property
    def mu(self) -> float:
        return log(self.median_days + self.early_days)

    @property
    def sigma(self) -> float:
        return (log(self.p90_days + self.early_days) - self.mu) / Z90

    def slip(self, z: Floats, reach: float) -> Floats:
        """(scenarios,) days."""
        return reach * (np.exp(self.mu + self.sigma * z) - self.early_days)

    def z_of(self, slip: float, reach: float) -> float:
        """The z at which the slip is reached: the inverse of `slip`. Minus infinity if it always is."""
        stretched = slip / reach + self.early_days
        return (log(stretched) - self.mu) / self.sigma if stretched > 0 else -np.inf


@dataclass(frozen=True)
class ProjectionPolicy:
    """Every parameter of the projection. Stored with each run, so that a run can be told from its successor."""

    slips: tuple[SlipModel, ...]
    site_weight: float
    kind_weight: float
    full_lead_days: float
    least_reach: float
    derate_mean: float
    derate_concentration: float
    source: str

    def __post_init__(self) -> None:
        if tuple(model.kind for model in self.slips) != KINDS:
            raise ValueError(f"slips must be given for {', '.join(KINDS)}, in this order")
        # Otherwise announcing a later date could bring the expected one forward.
        if any(model.early_days >= (model.full_lead_days or self.full_lead_days) for model in self.slips):
            raise ValueError("early_days must be less than full_lead_days")

    @property
    def own_weight(self) -> float:
        return sqrt(1.0 - self.site_weight**2 - self.kind_weight**2)

    def reach(self, lead: float, model: SlipModel) -> float:
        full_lead = model.full_lead_days or self.full_lead_days
        return min(1.0, max(model.least_reach or self.least_reach, lead / full_lead))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        return cls(
            **{
                **document,
                "slips": tuple(SlipModel(**slip) for slip in document["slips"]),
            }
        )


FIGURES = Path(__file__).parent / "power_slips.toml"
_POWER = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
_GUESS = "Our assumption, by analogy with construction schedules; no public data of the kind is known to us."

DEFAULT_POLICY = ProjectionPolicy(
    slips=(
        SlipModel("power", assumption=False, source=_POWER["source"], **_POWER["power"]),
        SlipModel("shell", 20.0, 20.0, 100.0, True, _GUESS),
        SlipModel("cooling", 15.0, 20.0, 90.0, True, _GUESS),
        SlipModel("racks", 14.0, 14.0, 70.0, True, _GUESS),
        SlipModel("chips", 20.0, 30.0, 150.0, True, _GUESS),
        SlipModel("crew", 14.0, 10.0, 50.0, True, _GUESS),
        SlipModel("commissioning", 7.0, 10.0, 45.0, True, _GUESS),
    ),
    **_POWER["shared"],
    full_lead_days=365.0,
    least_reach=0.1,
    derate_mean=0.955,
    derate_concentration=400.0,
    source=(
        f"Slip of power, and the weights of shocks shared by a site and by a kind: {_POWER['source']} That the weights "
        "hold for the other kinds, and the reach of these and the derate, are assumptions of ours."
    ),
)


def generator(seed: int, *key: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the key alone, so that no draw moves when others come or go."""
    digest = blake2b("\x1f".join((str(seed), *key)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def shock(seed: int, scenarios: int, *key: str) -> Floats:
    """(scenarios,) standard normal."""
    return generator(seed, *key).standard_normal(scenarios)


@lru_cache(maxsize=256)
def derates(policy: ProjectionPolicy, *, seed: int, pool: str, scenarios: int) -> Floats:
    """(scenarios,) usable fractions of a pool's installed GPUs: Beta of the policy's mean and concentration a + b.

    Drawn by inverting the distribution's table on raw bits, the one stream that NumPy promises never to change:
    stored scenarios must become the same GPUs again after an upgrade.
    """
    a = policy.derate_mean * policy.derate_concentration
    b = policy.derate_concentration - a
    grid = np.linspace(0.0, 1.0, 8193)[1:-1]
    density = np.exp(
        (a - 1) * np.log(grid / policy.derate_mean) + (b - 1) * np.log((1 - grid) / (1 - policy.derate_mean))
    )
    total = np.cumsum(density)
    uniform = (generator(seed, "derate", pool).bit_generator.random_raw(scenarios) >> np.uint64(11)) * 2.0**-53
    drawn: Floats = np.interp(uniform, total / total[-1], grid)
    drawn.flags.writeable = False  # shared by everybody who asks
    return drawn


_GRID = np.linspace(-9.0, 37.0, 18401)
_LOG_SURVIVAL = np.array([log(0.5 * erfc(z / sqrt(2.0))) for z in _GRID.tolist()])


def given_above(z: Floats, least: float) -> Floats:
    """z moved to the standard normal's part above `least`, rank kept: z' with S(z') = S(least) S(z), S = 1 - Phi.

    Conditioning by rank gives each milestone its exact distribution given that it has not happened yet, and leaves
    the order of scenarios, and so the shared shocks, as they were.
    """
    if least < _GRID[0]:
        return z
    tail = np.interp(min(least, 30.0), _GRID, _LOG_SURVIVAL)
    moved: Floats = np.interp(-(np.interp(z, _GRID, _LOG_SURVIVAL) + tail), -_LOG_SURVIVAL, _GRID)
    return moved


def slipped(
    policy: ProjectionPolicy, kind: int, expected: float, z: Floats, *, bias: float = 0.0, spread: float = 1.0
) -> Floats:
    """(scenarios,) days on which an open milestone comes, given the day it is expected on and that it is not yet there.

    `bias` and `spread` are those of who announced it (learning/trust.py): its z is N(bias, spread^2).

    One that is overdue is drawn from what is left of its distribution; one still ahead is not: there the past is
    ruled out by a floor, so that announcing a later date never makes it come earlier in any scenario.
    """
    model = policy.slips[kind]
    reach = policy.reach(expected, model)
    if expected < EARLIEST:
        z = given_above(z, (model.z_of(EARLIEST - expected, reach) - bias) / spread)
    return np.maximum(expected + model.slip(bias + spread * z, reach), EARLIEST)
