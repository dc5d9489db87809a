"""What stops if a site is late or lost, from an organisation's own portfolio."""

from typing import Any

import numpy as np

from marketplace.capacity.precedence import served
from marketplace.catalogue.models import Pool, Site
from marketplace.supply.models import Projection
from marketplace.supply.queries import latest_projection, pool_scenarios
from marketplace.units.money import Money
from marketplace.units.period import in_days, in_words
from pricing.quotes.delays import credit, daily_price
from reservations.booking.models import Reservation
from reservations.booking.states import PENDING, SCHEDULED
from reservations.continuity.asked import LATENESS, Outage
from reservations.continuity.coverage import (
    Bools,
    Coverage,
    Floats,
    Ints,
    Stretch,
    by_owner,
    coverage,
    late_by,
    lost_from,
)
from reservations.continuity.documents import figure, held, steps
from reservations.continuity.holdings import Holdings
from reservations.continuity.lateness import days_late, latest

END_STAYS = (
    "Days added at the end, where a contract has them, are not counted: they are only kept if they are free by then. "
    "Credits are the contract's formula if nothing excuses the delay."
)
BEGUN = "Blocks that have begun are not touched: what is late is what is still to be handed over."


def answer(asked: Outage, found: Holdings) -> dict[str, Any]:
    """Coverage per day before and after, and each reservation that stops or begins late."""
    sites = {site.public_id: site for site in Site.objects.filter(public_id__in=asked.sites)}
    pools = set(Pool.objects.filter(site__in=sites.values()).values_list("pk", flat=True))
    hit = found.where(pools)
    presets = projected_lateness(set(asked.sites), found)
    late = presets[asked.lateness] if asked.lateness else asked.late_days or 0
    taken = (
        lost_from(found.book, hit, found.offset(asked.lost_from)) if asked.lost_from else late_by(found.book, hit, late)
    )
    cover = coverage(found.book, taken)
    touched = list(_touched(asked, found, taken, cover, late))
    return {
        "title": _title(asked, [sites[key].name for key in asked.sites], late, len(touched)),
        "headline": _headline(found, cover, touched, late if not asked.lost_from else None),
        "steps": _pictures(found, cover),
        "reservations": touched,
        "projected_days_late": presets,
        "notes": _notes(asked, late),
    }


def projected_lateness(sites: set[str], found: Holdings) -> dict[str, int]:
    """By p50 and p90: by how many days the latest of the blocks there that have not begun would begin late."""
    projection = latest_projection()
    late = [] if projection is None else list(_late_by_block(sites, found, projection))
    return {name: latest(late, share=share) for name, share in LATENESS.items()}


def _late_by_block(sites: set[str], found: Holdings, projection: Projection) -> Any:
    """(scenarios,) of every block there that has not begun; those beyond the projection's days are left out."""
    waiting = [
        each
        for each, state in zip(found.reservations, found.states, strict=True)
        if each.pool.site.public_id in sites and state in (SCHEDULED, *PENDING) and each.start > found.today
    ]
    for pool_id in sorted({each.pool_id for each in waiting}):
        scenes = pool_scenarios(pool_id=pool_id, projection=projection)
        if scenes is None:
            continue
        claims = {claim: each for each in waiting if each.pool_id == pool_id for claim in each.claim_ids}
        delivery, first_day = scenes
        for block in served(pool_id=pool_id, claim_ids=list(claims), first_day=first_day, now=found.now):
            begins = (block.period.start - first_day).days
            if block.period.start == claims[block.claim_id].start and begins < delivery.days:
                yield days_late(delivery, start=begins, required=int(block.required[0]))


def _touched(asked: Outage, found: Holdings, taken: Stretch, cover: Coverage, late: int) -> Any:
    """The reservations that lose days, most GPU-days first."""
    book, owners = found.book, len(found.reservations)
    lost = by_owner(book, cover.lost, owners)
    since, until = _first_and_last(taken, book.owner, cover.lost > 0, owners)
    beside = _beside(book.owner, cover, owners)
    for owner in sorted(np.flatnonzero(lost).tolist(), key=lambda each: (-lost[each], each)):
        each = found.reservations[owner]
        yield {
            **held(each, found.states[owner]),
            "effect": "stops" if asked.lost_from else "late",
            **_by_contract(each, 0 if asked.lost_from else late),
            "from": found.day(max(since[owner], 0)).isoformat(),
            "until": found.day(until[owner]).isoformat(),
            "lost_gpu_days": int(lost[owner]),
            "lost_h100_days": round(float(lost[owner]) * float(each.pool.accelerator.h100_weight), 1),
            "others_gpus": round(float(beside[owner]), 1),
        }


def _by_contract(each: Reservation, late: int) -> dict[str, Any]:
    """What its contract says of being late: the credit if nothing excuses it, and whether the end moves; null where it
    was made without such terms, and where nothing is late."""
    terms = each.quote.contract_terms.delay_terms if late else None
    if terms is None:
        return {"credit": None, "end_moves": None}
    by_day = daily_price(each.total, each.period.days)
    owed = credit(terms, late_days=late, excused_days=0, daily_price=by_day, total=each.total, currency=each.currency)
    return {"credit": Money(owed, each.currency).as_json(), "end_moves": terms.end_moves}


def _first_and_last(taken: Stretch, owner: Ints, loses: Bools, owners: int) -> tuple[Ints, Ints]:
    """(owners,) the first day that each loses, and the day after the last one."""
    since = np.full(owners, np.iinfo(np.int64).max)
    until = np.zeros(owners, dtype=np.int64)
    np.minimum.at(since, owner[loses], taken.since[loses])
    np.maximum.at(until, owner[loses], taken.until[loses])
    return since, until


def _beside(owner: Ints, cover: Coverage, owners: int) -> Floats:
    """(owners,) GPUs of the kind that are still there on the days lost, of a changed reservation by its GPU-days."""
    weighted, lost = np.zeros(owners), np.zeros(owners)
    np.add.at(weighted, owner, cover.beside * cover.lost)
    np.add.at(lost, owner, cover.lost.astype(np.float64))
    return np.divide(weighted, lost, out=np.zeros(owners), where=lost > 0)


def _headline(found: Holdings, cover: Coverage, touched: list[Any], late: int | None) -> list[dict[str, Any]]:
    before, after = cover.in_h100(found.book.weights)
    gone = before - after
    worst = int(gone.argmax()) if gone.size and gone.max() > 0 else None
    share = 0.0 if worst is None else float(gone[worst] / before[worst])
    rows = [
        figure("reservations_touched", len(touched), "reservations"),
        figure("lost_gpu_days", int(cover.lost.sum()), "gpu_days"),
        figure("lost_h100_days", round(float(gone.sum()), 1), "h100_days"),
        figure("worst_share_lost", round(share, 4), "share"),
        figure("worst_day", None if worst is None else found.day(worst).isoformat(), "date"),
    ]
    return rows if late is None else [*rows, figure("days_late", late, "days")]


def _pictures(found: Holdings, cover: Coverage) -> list[dict[str, Any]]:
    """In H100 equivalents, and of each accelerator that loses something."""
    whole = steps(found, "h100_equivalents", *cover.in_h100(found.book.weights))
    each = [
        steps(found, kind.key, cover.held[row], cover.left[row])
        for row, kind in enumerate(found.kinds)
        if (cover.held[row] != cover.left[row]).any()
    ]
    return [whole, *each]


def _title(asked: Outage, names: list[str], late: int, touched: int) -> str:
    where = " and ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} other sites"
    how = f"lost from {in_words(asked.lost_from)}" if asked.lost_from else f"late by {in_days(late)}"
    said = f"{touched} reservation{'s' if touched != 1 else ''} {'stop' if asked.lost_from else 'start late'}"
    if touched == 1:
        said += "s" if asked.lost_from else ""
        said = said.replace("start late", "starts late")
    return f"With {where} {how}, {said if touched else 'nothing of yours stops'}"


def _notes(asked: Outage, late: int) -> list[str]:
    if asked.lost_from:
        return ["All that you have there is gone from that day on, running or not."]
    if asked.lateness:
        said = f"By the projection in force the latest of your blocks there begins {in_days(late)} late or less"
        return [f"{said}, with a probability of {round(LATENESS[asked.lateness] * 100)} %.", BEGUN, END_STAYS]
    return [BEGUN, END_STAYS]
