"""An organisation's portfolio, read once: its live reservations as rows, and what the questions may name."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from marketplace.catalogue.models import Accelerator, Pool
from reservations.booking.models import Reservation
from reservations.booking.pieces import parts
from reservations.booking.states import FINAL
from reservations.continuity.asked import Known
from reservations.continuity.coverage import Book, Bools


@dataclass(frozen=True)
class Holdings:
    """Live reservations in the order of their starts with their states; the owners and kinds of `book` are their
    places. Pending ones are among them: their capacity is held."""

    organisation_id: int
    now: datetime
    reservations: tuple[Reservation, ...]
    states: tuple[str, ...]
    kinds: tuple[Accelerator, ...]
    book: Book

    @property
    def today(self) -> date:
        return self.now.date()

    def where(self, pools: set[int]) -> Bools:
        """(rows,) whether a row's reservation is in one of those pools."""
        at = np.array([reservation.pool_id in pools for reservation in self.reservations], dtype=bool)
        return at[self.book.owner]

    def day(self, offset: int) -> date:
        return self.today + timedelta(days=int(offset))

    def offset(self, day: date) -> int:
        return (day - self.today).days


def holdings(*, organisation_id: int, now: datetime) -> Holdings:
    """What the organisation has, and nobody else's: from today on."""
    today = now.date()
    rows = (
        Reservation.objects.of(organisation_id)
        .filter(end__gt=today)
        .exclude(status__in=FINAL)
        .select_related("pool__site", "pool__accelerator", "quote__spec", "quote__bundle")
        .order_by("start", "pk")
    )
    found = [(each, each.state(now)) for each in rows]
    live = [(each, state) for each, state in found if state not in FINAL]
    kinds = sorted({each.pool.accelerator for each, _ in live}, key=lambda kind: (kind.h100_weight, kind.key))
    reservations = tuple(each for each, _ in live)
    states, book = tuple(state for _, state in live), _book(reservations, kinds, today)
    return Holdings(organisation_id, now, reservations, states, tuple(kinds), book)


def _book(reservations: tuple[Reservation, ...], kinds: list[Accelerator], today: date) -> Book:
    place = {kind.pk: index for index, kind in enumerate(kinds)}
    rows = [
        (
            owner,
            place[each.pool.accelerator_id],
            (part.period.start - today).days,
            (part.period.end - today).days,
            part.quantity,
        )
        for owner, each in enumerate(reservations)
        for part in parts(each)
        if part.period.end > today
    ]
    columns = np.array(rows, dtype=np.int64).reshape(len(rows), 5).T
    weights = np.array([float(kind.h100_weight) for kind in kinds])
    owner, kind, start, end, gpus = columns
    return Book(owner, kind, start, end, gpus, weights)


def known_places() -> Known:
    """What the market has: the same for everybody."""
    pools = list(Pool.objects.all())
    return Known(
        sites=frozenset(pool.site.public_id for pool in pools),
        countries=frozenset(pool.site.jurisdiction for pool in pools),
        regions=frozenset(pool.site.region for pool in pools),
        accelerators=frozenset(pool.accelerator.key for pool in pools),
    )
