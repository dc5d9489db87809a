"""How it stands with the supply of one reservation, for its holder and for staff: read from rows."""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from marketplace.capacity.queries import inventory
from marketplace.units.firmness import rank
from marketplace.units.period import Period
from reservations.allocation.models import PLANNED, WATCHING, Concern, Shortfall
from reservations.allocation.shortage import in_figures, short_by_class
from reservations.allocation.watching import SOLD
from reservations.booking.models import Reservation

AS_CONTRACTED = "as_contracted"
STANDINGS = (AS_CONTRACTED, WATCHING, PLANNED)


@dataclass(frozen=True)
class SupplyStanding:
    """`days` of the block on which up to `gpus` of its GPUs are short, from `first_day` on. Of a slip that the watch
    has not looked at yet, what the class as a whole is short of on those days, and no confidence."""

    state: str
    first_day: date | None = None
    days: int = 0
    gpus: int = 0
    gpu_days: int = 0
    before: float | None = None
    now: float | None = None
    since: datetime | None = None

    @property
    def is_short(self) -> bool:
        return self.state != AS_CONTRACTED


def supply_standing(reservation: Reservation, *, now: datetime) -> SupplyStanding:
    """Whether earlier contracts leave it without GPUs. At once: what no watch has seen yet is read in the ledger."""
    if reservation.state(now) not in SOLD:
        return SupplyStanding(AS_CONTRACTED)
    open_ = Concern.objects.filter(reservation=reservation, shortfall__recovered_at=None)
    concern = open_.select_related("shortfall").order_by("first_day").first()
    if concern is not None:
        return SupplyStanding(
            concern.shortfall.state, concern.first_day, concern.days, concern.gpus, concern.gpu_days, concern.before,
            concern.now, concern.shortfall.opened_at,
        )  # fmt: skip
    return _unseen(reservation, now)


def _unseen(reservation: Reservation, now: datetime) -> SupplyStanding:
    today = now.date()
    if reservation.end <= today:
        return SupplyStanding(AS_CONTRACTED)
    period = Period(max(reservation.start, today), reservation.end)
    found = inventory(pool_ids=[reservation.pool_id], period=period, now=now)
    # A day without a row has no limit: nothing was sold there, and nothing can be short.
    short = in_figures(short_by_class(found.limits[0], found.nested[0])[rank(reservation.firmness)])
    is_watched = Shortfall.objects.open().filter(pool_id=reservation.pool_id, firmness=reservation.firmness)
    if short is None or is_watched.exists():
        return SupplyStanding(AS_CONTRACTED)
    days = short.last - short.first + 1
    first = date.fromordinal(period.start.toordinal() + short.first)
    gpus = int(np.minimum(short.worst, reservation.quantity))
    return SupplyStanding(WATCHING, first, days, gpus, gpus * days)
