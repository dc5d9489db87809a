"""Where to go if a country or a region closes: each reservation there, what could stand in for it, and all together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from marketplace.catalogue.models import Accelerator, Pool
from marketplace.catalogue.queries import service_documents
from marketplace.units.money import Money
from marketplace.units.period import in_words
from pricing.quotes.need import Need, Range
from pricing.quotes.offers import Offer
from pricing.quotes.ranking import CHEAPEST, SOONEST
from pricing.quotes.search import Search, search
from reservations.booking.models import Reservation
from reservations.continuity.asked import Closure
from reservations.continuity.comparing import compare, equal_or_better, is_equal_or_better
from reservations.continuity.coverage import by_owner, coverage, lost_from
from reservations.continuity.documents import (
    figure,
    held,
    next_day,
    not_found,
    offered,
    refused,
    steps,
    summed,
)
from reservations.continuity.holdings import Holdings
from reservations.continuity.ready import ready_bundle

MOST_ANSWERED = 24  # reservations for which the market is searched: those with most to lose
MOST_SHOWN = 3  # alternatives of one
EQUAL, DIFFERENT = "equal_or_better", "different"


@dataclass(frozen=True)
class Elsewhere:
    """The market around the place that closes: pools, those of them that close, and the spec of each."""

    asked: Closure
    pools: tuple[Pool, ...]
    closed: frozenset[int]
    documents: Mapping[int, Mapping[str, Any]]

    @property
    def open(self) -> list[Pool]:
        allowed = self.asked.allowed
        return [
            pool
            for pool in self.pools
            if pool.pk not in self.closed and (not allowed or pool.site.jurisdiction in allowed)
        ]

    def wished_in(self, need: Need) -> Need:
        """The need, to go where it may: by country where a country closes, else by site. Asked only where a pool is
        open: an empty wish would mean anywhere."""
        if self.asked.country:
            return replace(need, jurisdictions=tuple(sorted({pool.site.jurisdiction for pool in self.open})))
        return replace(need, sites=tuple(sorted({pool.site.public_id for pool in self.open})))

    def accelerators(self, had: Accelerator) -> tuple[str, ...]:
        """The same one, and those that are equal or better in memory, compute and H100 equivalents."""
        kinds = {pool.accelerator for pool in self.open}
        return tuple(sorted(kind.key for kind in kinds if kind == had or _as_good(kind, had)))


@dataclass(frozen=True)
class Answered:
    """A reservation's part of the answer, and what would go into the bundle for it."""

    row: dict[str, Any]
    part: Need | None = None


def _as_good(kind: Accelerator, had: Accelerator) -> bool:
    return all(getattr(kind, name) >= getattr(had, name) for name in ("memory_gb", "bf16_tflops", "h100_weight"))


def answer(asked: Closure, found: Holdings) -> dict[str, Any]:
    """The reservations there, alternatives elsewhere for each, and one bundle of the best of each."""
    there = _elsewhere(asked)
    first = found.offset(asked.start)
    cover = coverage(found.book, lost_from(found.book, found.where(set(there.closed)), first))
    lost = by_owner(found.book, cover.lost, len(found.reservations))
    order = sorted(np.flatnonzero(lost).tolist(), key=lambda owner: (-lost[owner], owner))
    begins = max(first, next_day(found))
    answers = [_answered(found, owner, int(lost[owner]), begins, there) for owner in order[:MOST_ANSWERED]]
    left_out = [_named(found, owner, int(lost[owner])) for owner in order[MOST_ANSWERED:]]
    rows = [each.row for each in answers]
    return {
        "title": _title(asked, rows, len(order)),
        "headline": _headline(rows, len(order), int(cover.lost.sum())),
        "steps": [steps(found, "h100_equivalents", *cover.in_h100(found.book.weights))],
        "reservations": [*rows, *left_out],
        "bundle": ready_bundle([each.part for each in answers if each.part], found),
        "notes": _notes(asked, len(left_out)),
    }


def _elsewhere(asked: Closure) -> Elsewhere:
    pools = tuple(Pool.objects.all())
    closed = [
        pool.pk for pool in pools if asked.place in (pool.site.jurisdiction if asked.country else pool.site.region,)
    ]
    return Elsewhere(asked, pools, frozenset(closed), service_documents())


def _named(found: Holdings, owner: int, lost: int) -> dict[str, Any]:
    row = held(found.reservations[owner], found.states[owner])
    return {**row, "lost_gpu_days": lost, "need": None, "alternatives": [], "refusal": None}


def _answered(found: Holdings, owner: int, lost: int, begins: int, there: Elsewhere) -> Answered:
    """What could stand in for what is left of one reservation: equal or better service first, else any."""
    each, row = found.reservations[owner], _named(found, owner, lost)
    kinds = there.accelerators(each.pool.accelerator)
    if not kinds:
        said = f"Nothing that is equal or better is sold outside {there.asked.place} where you may go."
        return Answered({**row, "refusal": refused("nowhere_left", said)})
    need = _need(found, each, begins, there, kinds)
    if need is None:
        return Answered({**row, "refusal": refused("too_short", "It ends before anything else could begin.")})
    had = {"fabric": each.pool.fabric, **each.quote.spec.document}
    equal = _searched(replace(need, service=equal_or_better(had)), found)
    best = equal if equal.offers else _searched(need, found)
    shown = [_alternative(offer, need.start_from, had, there) for offer in best.offers[:MOST_SHOWN]]
    more = {"need": best.need.as_json(), "alternatives": shown, "refusal": None if shown else not_found(best)}
    return Answered({**row, **more}, _part(best.need, best.offers) if shown else None)


def _searched(need: Need, found: Holdings) -> Search:
    return search(need=need, organisation_id=found.organisation_id, now=found.now)


def _need(found: Holdings, each: Reservation, begins: int, there: Elsewhere, kinds: tuple[str, ...]) -> Need | None:
    """What is left of a reservation once its place is closed, elsewhere; None where no day of it is left."""
    first = max(found.offset(each.start), begins)
    days = found.offset(each.end) - first
    if days <= 0:
        return None
    need = Need(
        quantity=Range(each.quantity, each.quantity),
        duration=Range(days, days),
        start_from=found.day(first),
        start_to=found.day(first + there.asked.flexibility),
        firmness=each.firmness,
        accelerators=kinds,
        sort=SOONEST,
    )
    return there.wished_in(need)


def _part(need: Need, offers: Sequence[Offer]) -> Need:
    """What goes into the bundle: the same wishes, beginning no later than the soonest offer does."""
    soonest = min(offer.terms.period.start for offer in offers)
    return replace(need, start_to=soonest, sort=CHEAPEST)


def _alternative(offer: Offer, wanted: date, had: Mapping[str, Any], there: Elsewhere) -> dict[str, Any]:
    fields = compare(had, there.documents.get(offer.pool.pk, {}))
    return {
        **offered(offer),
        "days_later": (offer.terms.period.start - wanted).days,
        "service": EQUAL if is_equal_or_better(fields) else DIFFERENT,
        "comparison": [field.as_json() for field in fields],
    }


def _headline(rows: Sequence[dict[str, Any]], touched: int, lost: int) -> list[dict[str, Any]]:
    placed = [row["alternatives"][0] for row in rows if row["alternatives"]]
    totals = [Money.from_json(each["total"]) for each in placed]
    return [
        figure("reservations_touched", touched, "reservations"),
        figure("lost_gpu_days", lost, "gpu_days"),
        figure("with_an_alternative", len(placed), "reservations"),
        figure("alternatives_total", str(summed(totals).amount) if totals else None, "USD"),
        figure("least_delivery_confidence", _least(each["delivery_confidence"] for each in placed), "share"),
        figure("most_days_later", max((each["days_later"] for each in placed), default=None), "days"),
    ]


def _least(odds: Iterable[str]) -> str | None:
    found = [Decimal(each) for each in odds]
    return str(min(found)) if found else None


def _title(asked: Closure, rows: Sequence[dict[str, Any]], touched: int) -> str:
    closes = f"If {asked.place} closes on {in_words(asked.start)}"
    if not touched:
        return f"{closes}, nothing of yours is there"
    placed = sum(bool(row["alternatives"]) for row in rows)
    return f"{closes}, {placed} of {touched} reservation{'s' if touched != 1 else ''} can go elsewhere"


def _notes(asked: Closure, left_out: int) -> list[str]:
    found = [
        "Alternatives have the same accelerator, or one with as much memory, compute and H100 equivalents. Where "
        "the service is not equal or better, the fields that are not are named."
    ]
    if left_out:
        found.append(
            f"The market was searched for the {MOST_ANSWERED} reservations with most to lose, not for {left_out}."
        )
    return found
