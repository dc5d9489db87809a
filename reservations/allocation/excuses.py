"""How many late days are excused: by confirmed causes, with notice in time, as far as the contract says."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q

from marketplace.catalogue.models import Pool
from pricing.quotes.delays import DelayTerms
from reservations.allocation.causes import CauseDispute, DelayCause, known_before, said_in_time
from reservations.booking.models import Reservation


def causes_at(pools: Iterable[Pool]) -> dict[int, list[DelayCause]]:
    """Confirmed causes by pool, in one query: at its site, of its projects, or from a disruption of either."""
    found = {pool.pk: pool for pool in pools}
    sites = {pool.site_id for pool in found.values()}
    rows = DelayCause.objects.filter(_about(sites, list(found)), confirmed_at__isnull=False)
    by_pool: dict[int, list[DelayCause]] = defaultdict(list)
    for cause in rows.select_related("project", "disruption__project").order_by("pk"):
        for pool in found.values():
            if _concerns(cause, pool):
                by_pool[pool.pk].append(cause)
    return by_pool


def _about(sites: Iterable[int], pools: Sequence[int]) -> Q:
    own = Q(site__in=list(sites)) | Q(project__pool__in=pools)
    events = (
        Q(disruption__site__in=list(sites)) | Q(disruption__pool__in=pools) | Q(disruption__project__pool__in=pools)
    )
    return own | events


def _concerns(cause: DelayCause, pool: Pool) -> bool:
    event = cause.disruption
    projects = [cause.project, event.project if event else None]
    return (
        cause.site_id == pool.site_id
        or any(project is not None and project.pool_id == pool.pk for project in projects)
        or (event is not None and (event.site_id == pool.site_id or event.pool_id == pool.pk))
    )


def excused_days(
    reservation: Reservation, terms: DelayTerms, causes: Iterable[DelayCause], disputes: Mapping[int, CauseDispute]
) -> int:
    """The sum over kinds of cause of what was stated, each kind at most what the contract excuses.

    `disputes` are the reservation's own, by cause. What had begun before the contract was made excuses nothing.
    """
    by_kind: dict[str, int] = defaultdict(int)
    for cause in causes:
        if said_in_time(cause, terms.notice_days) and not known_before(cause, reservation.accepted_at):
            disputed = disputes.get(cause.pk)
            by_kind[cause.kind] += disputed.excuses(cause.days) if disputed else cause.days
    return sum(min(days, terms.most_excused(kind)) for kind, days in by_kind.items())


def disputes_of(reservations: Iterable[Reservation]) -> dict[int, dict[int, CauseDispute]]:
    """By reservation, by cause, in one query."""
    found: dict[int, dict[int, CauseDispute]] = defaultdict(dict)
    for each in CauseDispute.objects.filter(reservation__in=list(reservations)):
        found[each.reservation_id][each.cause_id] = each
    return found
