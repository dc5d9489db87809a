"""The public tape as arrays: what the board and the market lists read. The same for everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marketplace.catalogue.models import Pool
from marketplace.units.firmness import rank
from pricing.curve.models import PoolCurve, PriceVersion, Tape, TapePool

Gpus = NDArray[np.int64]
Prices = NDArray[np.float64]
P90, P50, P10, MEAN = range(4)
TAPES_KEPT = 4


@dataclass(frozen=True)
class Row:
    """One pool on the tape: supply (4, days), limits, headroom and prices (3 classes, days), from `first_day` on."""

    tick: datetime
    pool: Pool
    version: PriceVersion
    first_day: date
    supply: Gpus
    limits: Gpus
    headroom: Gpus
    prices: Prices

    @property
    def days(self) -> int:
        return int(self.limits.shape[1])

    @property
    def h100_weight(self) -> float:
        return float(self.pool.accelerator.h100_weight)

    def taken(self, firmness: str) -> Gpus:
        """Sold or held as far as the tape tells: limit less headroom."""
        return self.limits[rank(firmness)] - self.headroom[rank(firmness)]

    def price(self, firmness: str) -> Prices:
        """USD per GPU-hour; not a number where the class has no limit: nothing is built there yet."""
        return np.where(self.limits[rank(firmness)] > 0, self.prices[rank(firmness)], np.nan)


@dataclass(frozen=True)
class Board:
    """The tape of one tick, and the one that stood a day before it (None on the first day)."""

    tick: datetime
    rows: tuple[Row, ...]
    before: "Board | None" = None

    def row(self, pool_id: int) -> Row | None:
        return next((row for row in self.rows if row.pool.pk == pool_id), None)


def current_board() -> Board | None:
    """The latest tape with the day before it; None until the first tape is published."""
    tape = Tape.objects.first()
    if tape is None:
        return None
    day_before = Tape.objects.filter(tick__lte=tape.tick - timedelta(days=1)).first()
    before = Board(day_before.tick, _rows(day_before.pk)) if day_before else None
    return Board(tape.tick, _rows(tape.pk), before)


def pool_row(pool: Pool) -> Row | None:
    """One pool of the latest tape."""
    tape_id = Tape.objects.values_list("pk", flat=True).first()
    rows = () if tape_id is None else _rows(tape_id)
    return next((row for row in rows if row.pool.pk == pool.pk), None)


@lru_cache(maxsize=TAPES_KEPT)
def _rows(tape_id: int) -> tuple[Row, ...]:
    """A tape never changes, and everybody asks for the same two."""
    found = TapePool.objects.filter(tape_id=tape_id).select_related(
        "tape", "pool__site", "pool__accelerator", "pool__seller", "version__projection"
    )
    return tuple(_row(row) for row in found.order_by("pool__accelerator__key", "pool__site__name"))


def _row(row: TapePool) -> Row:
    return Row(
        tick=row.tape.tick,
        pool=row.pool,
        version=row.version,
        first_day=row.first_day,
        supply=np.asarray(row.supply, dtype=np.int64),
        limits=np.asarray(row.limits, dtype=np.int64),
        headroom=np.asarray(row.headroom, dtype=np.int64),
        prices=np.asarray(row.prices, dtype=np.float64),
    )


def causes_between(row: Row, old: Row, firmness: str) -> dict[str, tuple[float, str]]:
    """What the solves between two tapes did to a pool's mean price: change by cause, and the reason on record."""
    versions = PoolCurve.objects.filter(pool=row.pool, version_id__gt=old.version.pk, version_id__lte=row.version.pk)
    found: dict[str, tuple[float, str]] = {}
    for movements in versions.order_by("version_id").values_list("movements", flat=True):
        for move in movements:
            if move["firmness"] == firmness:
                before = found.get(move["cause"], (0.0, ""))[0]
                found[move["cause"]] = before + move["public"], move["reason"]
    return found


def cheapest_by_day(rows: Sequence[Row], firmness: str) -> Prices:
    """The lowest price per day over several pools, not a number where none has anything."""
    prices = np.stack([row.price(firmness) for row in rows])
    return np.where(np.isnan(prices).all(axis=0), np.nan, np.fmin.reduce(prices, axis=0))
