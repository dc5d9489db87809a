"""What is assumed of demand before anybody has asked. Every figure here is an assumption; `SOURCES` says whose."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Assumptions:
    """Who asks for what, when, and what it is worth to them, until enough has been seen.

    The shapes are those of the market on which the price formula was tried (docs/pricing.md); their level is scaled to
    each pool's own supply. A version is stored with every forecast that used it.
    """

    load: float = 1.0  # GPU-days asked for by those who would pay the floor, over the GPU-days of supply
    smallest_gpus: int = 8
    largest_gpus: int = 4096
    largest_share: float = 0.2  # of a pool's supply at its height: no request is larger
    median_days: float = 15.0
    spread_days: float = 1.0  # standard deviation of the log
    longest_days: int = 180
    urgent: float = 0.35  # part of requests
    urgent_lead_days: float = 10.0  # mean of an exponential distribution
    usual_lead_days: float = 53.0  # the same for the rest, at usual_lead_gpus GPUs
    usual_lead_gpus: float = 181.0
    lead_growth: float = 0.2  # larger requests book earlier: lead grows with this power of the GPUs
    worth_over_floor: float = 1.667  # median
    spread_worth: float = 0.4  # standard deviation of the log
    urgent_worth: float = 1.35  # times the worth of the rest
    flexible: float = 0.5  # part of requests that may start later
    most_days_later: int = 14
    most_other_pools: int = 2  # of the same accelerator, any number up to this being equally likely
    firm: float = 0.6
    standard: float = 0.3
    standby: float = 0.1
    serious: float = 0.25  # part of wishes with an offer that end in a quote
    prior_requests: float = 30.0  # the assumptions count like so many requests seen
    opening_days: float = 14.0  # in which, on the mean, those come who had waited for the market to open
    evidence_days: int = 120  # older wishes are not looked at
    half_life_days: float = 60.0  # a wish so old counts half

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def classes(self) -> tuple[float, float, float]:
        return self.firm, self.standard, self.standby


DEFAULTS = Assumptions()

_GENERATOR = "the synthetic market on which the price formula was chosen (docs/pricing.md); nobody's data"
SOURCES = {
    "load": "assumed: a market in balance",
    "smallest_gpus": _GENERATOR,
    "largest_gpus": _GENERATOR,
    "largest_share": "4,096 of 20,000 GPUs there",
    "median_days": _GENERATOR,
    "spread_days": _GENERATOR,
    "longest_days": _GENERATOR,
    "urgent": _GENERATOR,
    "urgent_lead_days": _GENERATOR,
    "usual_lead_days": _GENERATOR,
    "usual_lead_gpus": _GENERATOR,
    "lead_growth": _GENERATOR,
    "worth_over_floor": "2.50 over a floor of 1.50 USD per GPU-hour there",
    "spread_worth": _GENERATOR,
    "urgent_worth": _GENERATOR,
    "flexible": _GENERATOR,
    "most_days_later": _GENERATOR,
    "most_other_pools": "one to three pools there",
    "firm": "assumed",
    "standard": "assumed",
    "standby": "assumed",
    "serious": "assumed: most searches look around",
    "prior_requests": "assumed: a month of a middling pool",
    "opening_days": "assumed",
    "evidence_days": "assumed",
    "half_life_days": "assumed: a season, roughly",
}
