"""The first page of the cockpit: the few numbers that ask for an action."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Min, Q, Sum
from django.http import HttpRequest

from marketplace.capacity.queries import inventory
from marketplace.models import Pool, Projection, ProjectionDue, SellingStop
from marketplace.supply.queries import open_stops
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.curve.models import PriceVersion, Tape
from pricing.quotes.models import OPEN, Quote
from reservations.booking.models import Reservation

SHORTFALL_DAYS = 90
STALE_PROJECTION = timedelta(hours=26)  # one is made a day, and may take a while
STALE_SWEEP = timedelta(minutes=10)


@dataclass(frozen=True)
class Short:
    """A pool that owes more than it is projected to have. `gpu_days` is summed over the days, at the worst class."""

    pool: Pool
    gpu_days: int
    worst: int
    first: date


@dataclass(frozen=True)
class Sweep:
    """Work that is due since a time; late when a worker should long have done it."""

    name: str
    since: datetime | None
    late: bool


@dataclass(frozen=True)
class Board:
    holds: int
    held_value: Decimal
    soonest_expiry: datetime | None
    reserved: int
    reserved_value: Decimal
    shorts: tuple[Short, ...]
    stops: tuple[SellingStop, ...]
    projection: Projection | None
    projection_is_old: bool
    prices: tuple[PriceVersion, ...]
    sweeps: tuple[Sweep, ...]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds the board for those who may see it: the theme calls this for the admin's index."""
    if not request.user.has_perms(["pricing.view_quote", "reservations.view_reservation"]):
        return context
    return {**context, "title": "Today", "board": board(clock.now()), "shortfall_days": SHORTFALL_DAYS}


def board(now: datetime) -> Board:
    """Eleven queries, whatever the size of the market."""
    live = Q(expires_at__gt=now)
    held = Quote.objects.filter(status=OPEN).aggregate(
        count=Count("pk", filter=live),
        value=Sum("total", filter=live),
        soonest=Min("expires_at", filter=live),
        lapsed=Min("expires_at", filter=~live),
    )
    week = now - timedelta(days=7)
    reserved = Reservation.objects.filter(accepted_at__gte=week).aggregate(count=Count("pk"), value=Sum("total"))
    projection = Projection.objects.defer("inputs").first()
    return Board(
        holds=held["count"],
        held_value=held["value"] or Decimal(0),
        soonest_expiry=held["soonest"],
        reserved=reserved["count"],
        reserved_value=reserved["value"] or Decimal(0),
        shorts=tuple(_shorts(now)),
        stops=tuple(open_stops().select_related("site", "seller")),
        projection=projection,
        projection_is_old=projection is None or now - projection.created_at > STALE_PROJECTION,
        prices=tuple(_last_prices()),
        sweeps=tuple(_sweeps(now, held["lapsed"])),
    )


def _shorts(now: datetime) -> Iterator[Short]:
    pools = list(Pool.objects.select_related("site", "accelerator"))
    period = Period.of(now.date(), SHORTFALL_DAYS)
    short = inventory(pool_ids=[pool.pk for pool in pools], period=period, now=now).shortfall().max(axis=1)
    for pool, days in zip(pools, short, strict=True):
        if days.any():
            first = period.start + timedelta(days=int((days > 0).argmax()))
            yield Short(pool, int(days.sum()), int(days.max()), first)


def _last_prices() -> Any:
    return PriceVersion.objects.select_related("seller").order_by("seller_id", "-id").distinct("seller_id")


def _sweeps(now: datetime, lapsed: datetime | None) -> Iterator[Sweep]:
    due = ProjectionDue.objects.filter(done_at=None).aggregate(since=Min("requested_at"))["since"]
    yield Sweep("Projection asked for", due, due is not None and now - due > STALE_SWEEP)
    yield Sweep("Expired quote still open", lapsed, lapsed is not None and now - lapsed > STALE_SWEEP)
    tape = Tape.objects.values_list("tick", flat=True).first()
    yield Sweep("Last public tape", tape, tape is None or now - tape > STALE_SWEEP)
