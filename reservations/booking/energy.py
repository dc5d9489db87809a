"""What an organisation's reservations draw and emit over a time: kWh and CO2 of each, and of all.

kWh = GPUs x 24 h x days x all-in kW x the site's PUE; CO2 = kWh x the site's carbon intensity (units/compute.py). Rated
figures of accelerator and site: what was reserved, at full load. Each row is rounded once, and the sum is that of the
rows, so that it adds up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from marketplace.units.compute import Footprint, gpu_hours
from marketplace.units.period import Period
from reservations.booking.models import Reservation
from reservations.booking.pieces import parts
from reservations.booking.states import COMMITTED

LONGEST_DAYS = 3660


class PeriodRefused(Exception):
    """The time makes no sense; the sentence says what would."""


@dataclass(frozen=True)
class Drawn:
    """One reservation over the days that it has within the time asked for."""

    reservation: Reservation
    gpu_hours: int
    footprint: Footprint


@dataclass(frozen=True)
class Energy:
    period: Period
    rows: Sequence[Drawn]

    @property
    def gpu_hours(self) -> int:
        return sum(row.gpu_hours for row in self.rows)

    @property
    def kwh(self) -> int:
        return sum(row.footprint.facility_kwh for row in self.rows)

    @property
    def carbon_kg(self) -> int:
        return sum(row.footprint.carbon_kg for row in self.rows)

    @property
    def grams_per_kwh(self) -> int | None:
        """Of all together, whole grams; None where nothing is drawn."""
        return round(1000 * self.carbon_kg / self.kwh) if self.kwh else None


def asked_period(start: date | None, end: date | None, today: date) -> Period:
    """The time asked for, else this calendar year. Raises PeriodRefused."""
    first = start or (date(end.year, 1, 1) if end else date(today.year, 1, 1))
    after = end or date(first.year + 1, 1, 1)
    if not first < after:
        raise PeriodRefused(f"“to” is the first day that no longer counts: it lies after “from”, {first}.")
    if (after - first).days > LONGEST_DAYS:
        raise PeriodRefused(f"Ask for at most {LONGEST_DAYS} days.")
    return Period(first, after)


def energy(*, organisation_id: int, period: Period, now: datetime) -> Energy:
    """Of everything that the organisation has for good within the period, earliest first."""
    own = Reservation.objects.of(organisation_id).filter(start__lt=period.end, end__gt=period.start)
    found = own.select_related("pool__site", "pool__accelerator").order_by("start", "pk")
    rows = (_drawn(each, period) for each in found if each.state(now) in COMMITTED)
    return Energy(period, [row for row in rows if row.gpu_hours])


def _drawn(reservation: Reservation, period: Period) -> Drawn:
    hours = 0
    for part in parts(reservation):
        start, end = max(part.period.start, period.start), min(part.period.end, period.end)
        hours += gpu_hours(part.quantity, max((end - start).days, 0))
    return Drawn(reservation, hours, reservation.pool.footprint(hours))
