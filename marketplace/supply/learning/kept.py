"""How often bands were kept: a share with its number of cases and an interval. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from marketplace.supply.slips import DEFAULT_POLICY

ENOUGH = 30  # cases (counted as if independent) under which nothing is said but the numbers
PROMISED = 0.8  # P10 to P90
Z95 = NormalDist().inv_cdf(0.975)
LEADS = (90, 180, 365)


@dataclass(frozen=True)
class Case:
    """A project that became ready: what was last, where, days from the projection to its middle date, and whether the
    actual day was within P10 and P90."""

    kind: str
    site: str
    lead: int
    inside: bool


@dataclass(frozen=True)
class Kept:
    """`share` of `cases` inside, and a 95 % interval (Wilson 1927) that counts n cases of one site as
    n / (1 + (n - 1) r), r being the share of a slip that a site has in common. All None where there are none."""

    name: str
    cases: int
    inside: int
    effective: float
    share: float | None
    low: float | None
    high: float | None

    @property
    def is_enough(self) -> bool:
        return self.effective >= ENOUGH


def kept(name: str, cases: Sequence[Case]) -> Kept:
    inside, effective = sum(case.inside for case in cases), _effective(cases)
    if not cases:
        return Kept(name, 0, 0, 0.0, None, None, None)
    share = inside / len(cases)
    return Kept(name, len(cases), inside, effective, share, *wilson(share, effective))


def wilson(share: float, cases: float) -> tuple[float, float]:
    middle = (share + Z95**2 / (2 * cases)) / (1 + Z95**2 / cases)
    half = Z95 / (1 + Z95**2 / cases) * sqrt(share * (1 - share) / cases + Z95**2 / (4 * cases**2))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def by_kind(cases: Iterable[Case]) -> list[Kept]:
    return _grouped((case.kind, case) for case in cases)


def by_lead(cases: Iterable[Case]) -> list[Kept]:
    """By days from the projection to the middle date that it gave."""
    order = [lead_name(lead) for lead in (*LEADS, LEADS[-1] + 1)]
    found = _grouped((lead_name(case.lead), case) for case in cases)
    return sorted(found, key=lambda each: order.index(each.name))


def lead_name(lead: int) -> str:
    upper = next((bound for bound in LEADS if lead <= bound), None)
    return f"over {LEADS[-1]} days" if upper is None else f"up to {upper} days"


def _grouped(named: Iterable[tuple[str, Case]]) -> list[Kept]:
    groups: dict[str, list[Case]] = {}
    for name, case in named:
        groups.setdefault(name, []).append(case)
    return [kept(name, groups[name]) for name in sorted(groups)]


def _effective(cases: Sequence[Case]) -> float:
    shared = DEFAULT_POLICY.site_weight**2
    sites: dict[str, int] = {}
    for case in cases:
        sites[case.site] = sites.get(case.site, 0) + 1
    return sum(number / (1 + (number - 1) * shared) for number in sites.values())
