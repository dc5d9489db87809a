"""One pool's curve in a new price version: what is carried over from the version before, what moves, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.capacity.queries import Grid
from marketplace.units.firmness import FIRMNESS
from marketplace.units.period import Period
from pricing.curve import continuity, scarcity
from pricing.curve.constants import Constants, constants_of, cost_of, stored_constants
from pricing.curve.continuity import COST, DEMAND, POLICY, SUPPLY, TIME, Effect, Target
from pricing.curve.models import PoolCurve, PriceVersion, TapePool
from pricing.curve.tape import republish

Floats = NDArray[np.float64]
Rooms = tuple[Floats, Floats]
LONGEST_REASON = 160
UNREACHED = np.iinfo(np.int64).max // 4


@dataclass(frozen=True)
class Duals:
    """Shadow prices of capacity, USD per GPU-hour, by pool: (3 classes, days of the projection). `forecast` names
    the demand forecast and the projection that they came from: a new name is a reason for prices to move."""

    forecast: str
    by_pool: Mapping[int, Floats]
    cause: str = DEMAND  # of what moved under the same forecast, and in words
    reason: str = ""


def basis_of(forecast: str, projection: str) -> str:
    """The name of what duals came from."""
    return f"{forecast} {projection}"


@dataclass(frozen=True)
class Before:
    """The version before, the tape that stands, and its step: what a new curve of a pool is compared with."""

    row: PoolCurve
    published: TapePool | None
    step: int
    today: date


@dataclass(frozen=True)
class Shared:
    """The days that the old and the new version both price: first offsets in each, and how many."""

    old: int
    new: int
    days: int

    def of_old(self, rows: Any) -> Floats:
        return np.asarray(rows, dtype=np.float64)[:, self.old : self.old + self.days]

    def of_new(self, rows: Any) -> Floats:
        return np.asarray(rows, dtype=np.float64)[:, self.new : self.new + self.days]


def first_curve(version: PriceVersion, pool: Any, limits: Grid, nested: Grid, duals: Duals | None) -> PoolCurve:
    """A pool's first curve: the dual that the forecast asks for, from the use of now."""
    dual = _target(duals, pool.pk, limits)
    constants = constants_of(version.policy, pool, cost_of(pool))
    return _row(version, pool, limits, _use(limits, nested), dual, constants, [])


def next_curve(
    version: PriceVersion, pool: Any, limits: Grid, nested: Grid, duals: Duals | None, before: Before
) -> PoolCurve:
    """A pool's curve with what moved against the version before, at the same use, and why."""
    shared = _shared(version, limits, before.row)
    use, dual = _use(limits, nested).astype(np.float64), _target(duals, pool.pk, limits)
    if shared.days < 1:
        return first_curve(version, pool, limits, nested, duals)
    target = _may_ask(version, before, duals, shared.of_new(dual))
    move = _Move(version, pool, before, shared, shared.of_new(limits), shared.of_new(nested), target, duals)
    days = slice(shared.new, shared.new + shared.days)
    for index in range(len(FIRMNESS)):
        use[index, days], dual[index, days] = move.made(index, move.rooms)
    return _row(version, pool, limits, use.astype(np.int64), dual, move.constants, list(move.movements()))


def _shared(version: PriceVersion, limits: Grid, old: PoolCurve) -> Shared:
    first = version.projection.first_day
    start = max(first, old.first_day)
    end = min(first + timedelta(days=limits.shape[1]), old.first_day + timedelta(days=len(old.limits[0])))
    return Shared((start - old.first_day).days, (start - first).days, (end - start).days)


def _target(duals: Duals | None, pool_id: int, limits: Grid) -> Floats:
    if duals is None or pool_id not in duals.by_pool:
        return np.zeros(limits.shape)
    return np.asarray(duals.by_pool[pool_id], dtype=np.float64)


def _may_ask(version: PriceVersion, before: Before, duals: Duals | None, dual: Floats) -> list[Target] | None:
    if duals is None or before.row.pool_id not in duals.by_pool:
        return None
    is_new = duals.forecast != before.row.version.forecast
    return [Target(each, is_new) for each in dual]


def _room(limits: NDArray[Any], nested: NDArray[Any]) -> NDArray[Any]:
    """What each class can still sell: the least slack of its own nested sum and of all outer ones, (3, days)."""
    return np.minimum.accumulate((limits - nested)[::-1], axis=0)[::-1]


def _use(limits: NDArray[Any], nested: NDArray[Any]) -> NDArray[Any]:
    return limits - _room(limits, nested)


def _row(
    version: PriceVersion,
    pool: Any,
    limits: Grid,
    use: Grid,
    dual: Floats,
    constants: Constants,
    movements: list[dict[str, Any]],
) -> PoolCurve:
    return PoolCurve(
        version=version,
        pool=pool,
        first_day=version.projection.first_day,
        limits=limits.tolist(),
        use=use.tolist(),
        dual=dual.tolist(),
        movements=movements,
        **(vars(constants) | {"premiums": list(constants.premiums)}),
    )


@dataclass(frozen=True)
class _Move:
    """The old and the new curve of one pool over the days that they share; arrays are (3 classes, days)."""

    version: PriceVersion
    pool: Any
    before: Before
    shared: Shared
    limits: Floats
    nested: Floats
    target: list[Target] | None
    duals: Duals | None

    @cached_property
    def old_limits(self) -> Floats:
        return self.shared.of_old(self.before.row.limits)

    @cached_property
    def rooms(self) -> Rooms:
        """What is left now under the old limits and under the new: the same commitments in both."""
        return _room(self.old_limits, self.nested), _room(self.limits, self.nested)

    @cached_property
    def constants(self) -> Constants:
        return constants_of(self.version.policy, self.pool, cost_of(self.pool))

    @cached_property
    def old(self) -> list[scarcity.Curve]:
        row, lot, made = self.before.row, self.pool.lot, stored_constants(self.before.row)
        limits, uses, duals = (self.shared.of_old(each) for each in (row.limits, row.use, row.dual))
        return [
            made.unit_curve(index, limit=limits[index], use=uses[index], dual=duals[index], lot=lot)
            for index in range(len(FIRMNESS))
        ]

    def kept(self, index: int, rooms: Rooms) -> tuple[Floats, Floats]:
        """x0 and dual of one class if no new dual is asked for, at the use that leaves these rooms."""
        before, after = self.old_limits[index] - rooms[0][index], self.limits[index] - rooms[1][index]
        return continuity.carried(self.old[index], before, self.limits[index], after)

    def made(self, index: int, rooms: Rooms) -> tuple[Floats, Floats]:
        """x0 and dual of one class after this solve."""
        kept = self.kept(index, rooms)
        if self.target is None:
            return kept
        before, after = self.old_limits[index] - rooms[0][index], self.limits[index] - rooms[1][index]
        tolerance = float(self.version.policy.move_tolerance)
        return continuity.moved(self.old[index], before, after, kept, self.target[index], tolerance)

    def movements(self) -> Iterator[dict[str, Any]]:
        """What moved, by class and cause: exactly, and as the public sees it, from the headroom on the tape alone."""
        public = self._published_rooms()
        for index, firmness in enumerate(FIRMNESS):
            shown = {each.cause: each.mean for each in self._effects(index, public)}
            for effect in self._effects(index, self.rooms):
                day = self._first_shown() + timedelta(days=effect.day)
                yield {
                    "firmness": firmness,
                    **self._why(effect.cause),
                    "exact": {"mean": effect.mean, "most": effect.most, "day": day.isoformat()},
                    "public": round(shown.get(effect.cause, 0.0), 4),
                }

    def _effects(self, index: int, rooms: Rooms) -> list[Effect]:
        """The price at one headroom, step by step: limits, then cost, then policy, then the dual."""
        limit, lot = self.limits[index], self.pool.lot
        kept, made = self.kept(index, rooms), self.made(index, rooms)
        cost = constants_of(self.before.row.version.policy, self.pool, cost_of(self.pool))
        prices = [scarcity.unit_price(self.old[index], self.old_limits[index] - rooms[0][index])]
        steps = (
            (stored_constants(self.before.row), kept),
            (cost, kept),
            (self.constants, kept),
            (self.constants, made),
        )
        for constants, (x0, dual) in steps:
            curve = constants.unit_curve(index, limit=limit, use=x0, dual=dual, lot=lot)
            prices.append(scarcity.unit_price(curve, limit - rooms[1][index]))
        # A dual that moved without a new forecast is the doing of time, not of demand.
        by_forecast = self.target is None or self.target[index].is_new
        prices.insert(4, prices[4] if by_forecast else prices[3])
        sold = (self.old_limits[index] > 0) & (limit > 0)
        later = (self._first_shown() - self._first_shared()).days
        return continuity.effects([each[later:] for each in prices], sold[later:])

    def _first_shared(self) -> date:
        return self.version.projection.first_day + timedelta(days=self.shared.new)

    def _first_shown(self) -> date:
        return max(self.before.today, self._first_shared())

    def _published_rooms(self) -> Rooms:
        period = Period.of(self._first_shared(), self.shared.days)
        published = as_published(self.before.published, period)
        was, now = (republish(room.astype(np.int64), self.before.step, published) for room in self.rooms)
        return was.astype(np.float64), now.astype(np.float64)

    def _why(self, cause: str) -> dict[str, str]:
        """The cause and its reason. Under the forecast of before, duals move by what is left."""
        was, now = (version.forecast.partition(" ")[0] for version in (self.before.row.version, self.version))
        if cause == DEMAND and was == now and self.duals is not None and self.duals.reason:
            return {"cause": self.duals.cause, "reason": self.duals.reason[:LONGEST_REASON]}
        return {"cause": cause, "reason": self._reason(cause)}

    def _reason(self, cause: str) -> str:
        policy, projection, same = self.version.policy, self.version.projection, self.before.row.version.projection_id
        words = {
            SUPPLY: projection.reason if projection.pk != same else "limits changed",
            COST: "the cost of energy or capital changed",
            POLICY: f"price policy {policy}" + (f": {policy.reason}" if policy.reason else ""),
            DEMAND: "a new forecast of demand",
            TIME: "solved again, within the tolerance of the policy",
        }
        return words[cause][:LONGEST_REASON]


def as_published(row: TapePool | None, period: Period) -> NDArray[np.int64] | None:
    """Published headroom moved to the columns of a period; None where the horizon is another one."""
    if row is None:
        return None
    offset = (period.start - row.first_day).days
    kept = np.asarray(row.headroom, dtype=np.int64)[:, max(offset, 0) : max(offset + period.days, 0)]
    if kept.shape[1] == 0:
        return None
    # Days that were not on the tape before are published afresh: no true figure reaches this one.
    ahead = max(-offset, 0)
    return np.pad(kept, ((0, 0), (ahead, period.days - ahead - kept.shape[1])), constant_values=UNREACHED)


def before_of(previous: PriceVersion | None, *, step: int, now: datetime) -> dict[int, Before]:
    """By pool, what a new version is compared with; empty for a seller's first."""
    if previous is None:
        return {}
    rows = list(previous.curves.select_related("version__policy", "version__projection", "pool"))
    found = TapePool.objects.filter(pool_id__in=[row.pool_id for row in rows]).order_by("pool_id", "-tape__tick")
    published = {row.pool_id: row for row in found.distinct("pool_id")}
    return {row.pool_id: Before(row, published.get(row.pool_id), step, now.date()) for row in rows}
