"""How far a provider's announcements are to be trusted, by its own record. Pure.

The market's law says that a milestone announced for a day comes late by slip(z), z standard normal (slips.py). A
provider's z is N(bias, spread^2): bias in the law's own deviations, later where positive; spread above 1 where its
dates scatter more. Both are partially pooled with the market's (Gelman and Hill 2006, chapter 12; the conjugate form
is updating.py's): the prior stands at bias 0 and spread 1 with the weight of `PROVIDER_WEIGHT` dates,

    bias | spread ~ N(0, spread^2 / w),    log spread ~ N(0, 1 / 2w)

so a provider without a record has the market's law to the bit, and one with n dates has its own with weight about
n / (n + w). The posterior means are summed over updating.py's grid, which bounds spread to [1/e, e].

One case is an announcement whose day has come: what it said of a milestone, how long before, and what came of it. A
milestone announced several times is one milestone: its cases share its weight, and at most one a month counts, so
that the record is made no better by saying the same thing every day. Milestones of one site share its shocks, and
count as a cluster (updating.py).

What another provider did is nowhere in it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from statistics import median

import numpy as np
from scipy.special import log_ndtr

from marketplace.supply.learning.updating import LOG_SIGMA, MU, means, within
from marketplace.supply.slips import ProjectionPolicy
from marketplace.supply.world import KINDS, Floats

PROVIDER_WEIGHT = 10.0  # dates; an assumption: half of the market's, since a provider is more like itself than like all


@dataclass(frozen=True)
class Announcement:
    """That a milestone would come on a day. `lead`: days from when it was said to that day. `slip`: days from that day
    to the one on which it came, or to today where it is open. `said_on`: the day's ordinal on which it was said."""

    milestone: str
    kind: str
    site: str
    said_on: int
    lead: float
    slip: float
    open: bool
    first: bool = False


@dataclass(frozen=True)
class Trust:
    """Of one provider: N(bias, spread^2) in place of the market's N(0, 1), and on how many dates it rests."""

    bias: float = 0.0
    spread: float = 1.0
    dates: int = 0


MARKET = Trust()


def trust(policy: ProjectionPolicy, announcements: Sequence[Announcement]) -> Trust:
    """The provider's posterior means. `policy` is the market's law; without announcements they are the market's."""
    cases = monthly(announcements)
    if not cases:
        return MARKET
    spread = np.exp(LOG_SIGMA)[:, None]
    prior = -0.5 * PROVIDER_WEIGHT * (MU / spread) ** 2 - np.log(spread) - PROVIDER_WEIGHT * LOG_SIGMA[:, None] ** 2
    found = means(prior + _likelihood(policy, cases))
    at = means(prior)  # the grid's own: what no case moves stays where it is
    dates = len({each.milestone for each in cases})
    return Trust(found[0] - at[0], exp(found[1] - at[1]), dates)


def monthly(announcements: Sequence[Announcement]) -> list[Announcement]:
    """The last of each month before its day, of each milestone, in an order that depends on nothing."""
    kept: dict[tuple[str, int], Announcement] = {}
    for each in sorted(announcements, key=lambda one: (one.milestone, one.said_on, one.lead)):
        kept[each.milestone, each.said_on // 30] = each
    return list(kept.values())


def _likelihood(policy: ProjectionPolicy, cases: Sequence[Announcement]) -> Floats:
    """(spreads, biases): the log likelihood over the grid."""
    total = np.zeros((len(LOG_SIGMA), len(MU)))
    spread = np.exp(LOG_SIGMA)[:, None]
    models = dict(zip(KINDS, policy.slips, strict=True))
    said = Counter(each.milestone for each in cases)
    at_site = Counter(site for site, _ in {(each.site, each.milestone) for each in cases})
    for each in cases:
        model = models[each.kind]
        z = within(model.z_of(each.slip, policy.reach(each.lead, model)))
        at = (z - MU) / spread
        told = log_ndtr(-at) if each.open else -0.5 * at * at - np.log(spread)
        cluster = 1.0 + (at_site[each.site] - 1) * policy.site_weight**2
        total += told / (said[each.milestone] * cluster)
    return total


@dataclass(frozen=True)
class ProviderRecord:
    """Announced against what came, over first announcements whose day has come: how many came, how many late, and by
    how much in days; how often a forecast was moved later or earlier afterwards."""

    due: int
    came: int
    late: int
    overdue: int
    mean_days: float | None
    median_days: float | None
    worst_days: int | None
    moved_later: int
    moved_earlier: int

    @property
    def late_share(self) -> float | None:
        return (self.late + self.overdue) / self.due if self.due else None


def record_of(announcements: Sequence[Announcement], moves: Sequence[int]) -> ProviderRecord:
    """`moves`: days by which each report moved a forecast. Open and overdue ones count with the days so far."""
    firsts = [each for each in announcements if each.first]
    slips = [each.slip for each in firsts]
    return ProviderRecord(
        due=len(firsts),
        came=sum(not each.open for each in firsts),
        late=sum(not each.open and each.slip > 0 for each in firsts),
        overdue=sum(each.open for each in firsts),
        mean_days=float(np.mean(slips)) if slips else None,
        median_days=float(median(slips)) if slips else None,
        worst_days=int(max(slips)) if slips else None,
        moved_later=sum(days > 0 for days in moves),
        moved_earlier=sum(days < 0 for days in moves),
    )
