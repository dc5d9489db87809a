"""Every way in which a block that is short could be served, with its harm: from limits, blocks and terms to arrays.

Pure and vectorised: cost follows (blocks x pools x days of the horizon) in NumPy, and no block is looked at by itself.
A block is one quantity over [start, end); days are offsets from the plan's first day. What is asked of other pools
here looks at the room beside the blocks of the case; that all of them together fit is the solver's to see to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pricing.quotes.delays import credits_in_cents

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NOW, WAIT, SUBSTITUTE, MOVE, REDUCE, EXIT = range(6)
KINDS = ("now", "wait", "substitute", "move", "reduce", "exit")
LATER = np.array([0, 7, 14, 28, 56, 91, 182])  # days after the first date that fits: others may be served before
NOWHERE = -1
CHUNK = 512  # blocks x days looked at together: a few megabytes


@dataclass(frozen=True)
class Supply:
    """`limits` and `others` (3, pools, days): nested limits, and nested use of everything that is not in the case.
    `lots` (pools,)."""

    limits: Ints
    others: Ints
    lots: Ints

    @property
    def days(self) -> int:
        return self.limits.shape[2]

    @property
    def left(self) -> Ints:
        """(3, pools, days) nested limits for the case alone: what is over belongs to nobody, and never below 0."""
        return np.maximum(self.limits - self.others, 0)

    @property
    def room(self) -> Ints:
        """(3, pools, days) what a class can use: the least slack of its own nested sum and of all outer ones."""
        return np.minimum.accumulate(self.left[::-1], axis=0)[::-1]


@dataclass(frozen=True)
class Blocks:
    """(n,) each, of the reservations of the case. `start` and `end` are what is left of the block, `turnaround` days
    follow. `short` is the first day that earlier contracts leave it without its GPUs. `late` days it is late already.
    `allowed` (n, pools): where it may be served at all, its own pool among them.

    `total_cents` is the contract's price in US cents, for `term_days`. Terms on delay as in `pricing.quotes.delays`; a
    contract without them has rate, cap and `long_stop_days` 0. `end_moves`: the end moves with the start.
    """

    pool: Ints
    firmness: Ints
    start: Ints
    end: Ints
    turnaround: Ints
    gpus: Ints
    short: Ints
    late: Ints
    divisible: Bools
    allowed: Bools
    total_cents: Ints
    term_days: Ints
    rate_percent: Ints
    grace_days: Ints
    cap_percent: Ints
    long_stop_days: Ints
    end_moves: Bools

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})

    def __len__(self) -> int:
        return len(self.pool)


@dataclass(frozen=True)
class Options:
    """Flat, by reservation: those of i are `first[i]` to `first[i + 1]`, the one as contracted first.

    `short_gpu_days` are never delivered; `loss` counts GPU-days late as well, and is what its buyer gets less by.
    `lines` (k, 2, 4): pool, start, end (with turnaround), GPUs; pool NOWHERE where there is no such line. `sold_end`
    (k, 2) is each line's end without turnaround. `late_days` is a day beyond the horizon where there is no date.
    """

    first: Ints
    reservation: Ints
    kind: Ints
    harm_usd: Floats
    late_days: Ints
    short_gpu_days: Ints
    loss: Ints
    moves: Bools
    needs_consent: Bools
    lines: Ints
    sold_end: Ints

    def __len__(self) -> int:
        return len(self.kind)

    def keep(self, kept: Bools) -> "Options":
        """Without the options that are not kept (k,)."""
        rows = {name: getattr(self, name)[kept] for name in self.__dataclass_fields__ if name != "first"}
        counts = np.bincount(rows["reservation"], minlength=len(self.first) - 1)
        return Options(first=np.concatenate([[0], np.cumsum(counts)]), **rows)


def more_credit(blocks: Blocks, who: Ints, late: Ints) -> Floats:
    """USD of credit that so many more late days add, by the contract's formula; causes that excuse come later."""

    def cents(days: Ints) -> Ints:
        return credits_in_cents(
            rate_percent=blocks.rate_percent[who],
            grace_days=blocks.grace_days[who],
            cap_percent=blocks.cap_percent[who],
            late_days=days,
            excused_days=0,
            total_cents=blocks.total_cents[who],
            term_days=blocks.term_days[who],
        )

    return (cents(blocks.late[who] + late) - cents(blocks.late[who])) / 100.0


def refund_usd(blocks: Blocks, who: Ints, days: Ints) -> Floats:
    """USD of the price that days which are never delivered have: what comes back at the long stop."""
    return blocks.total_cents[who] * np.minimum(days, blocks.term_days[who]) // blocks.term_days[who] / 100.0


def options_of(blocks: Blocks, supply: Supply, *, horizon: int) -> Options:
    """All options of all blocks within the horizon (days after which no block begins)."""
    found = _Finder(blocks, supply, horizon)
    batches = [found.as_contracted(), *found.waits(), *found.elsewhere(), found.reduced(), found.exits()]
    return _joined(blocks, [batch for batch in batches if len(batch["reservation"])])


def _joined(blocks: Blocks, batches: Sequence[dict[str, Any]]) -> Options:
    rows = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    # By block; in it by kind, then by how late, then by pool: the same order on every machine.
    order = np.lexsort((rows["lines"][:, 0, 0], rows["late_days"], rows["kind"], rows["reservation"]))
    counts = np.bincount(rows["reservation"], minlength=len(blocks))
    return Options(
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        **{name: np.ascontiguousarray(row[order]) for name, row in rows.items()},
    )


class _Finder:
    """Looks at what is free beside the case, pool by pool."""

    def __init__(self, blocks: Blocks, supply: Supply, horizon: int) -> None:
        self.blocks, self.supply = blocks, supply
        self._levels = _levels(supply.room)
        self.horizon = min(horizon, supply.days)
        self.all = np.arange(len(blocks))
        self.length = blocks.end - blocks.start

    def as_contracted(self) -> dict[str, Any]:
        b = self.blocks
        return self._batch(NOW, self.all, [(b.pool, b.start, b.end, b.gpus)])

    def waits(self) -> list[dict[str, Any]]:
        """It begins later, or stops for a time: nothing from day `since` (its first day, or the first short one) until
        a later one. Where the contract moves the end with the start, the days are added there. Without a date nothing
        is promised, and that is always possible."""
        b = self.blocks
        stops = np.clip(b.short, b.start, b.end)
        inside = self.all[(stops > b.start) & (stops < b.end)]
        return [*self._waits_from(self.all, b.start), *self._waits_from(inside, stops[inside])]

    def _waits_from(self, who: Ints, since: Ints) -> list[dict[str, Any]]:
        first = self._recovers(who, since)
        found = [self._undated(who, since)]
        for later in LATER:
            until = first + later
            end = self._moved_end(who, since, until)
            fits = (first >= 0) & (until - since <= self.horizon) & (end > until) & (end <= self.supply.days)
            fits[fits] = self._has_room(who[fits], until[fits], end[fits])
            found.append(self._dated(who[fits], since[fits], until[fits]))
        return found

    def _moved_end(self, who: Ints, since: Ints, until: Ints) -> Ints:
        b = self.blocks
        return b.end[who] + np.where(b.end_moves[who], until - since, 0)

    def _has_room(self, who: Ints, until: Ints, end: Ints) -> Bools:
        b = self.blocks
        occupied = np.minimum(end + b.turnaround[who], self.supply.days)
        return self._least(b.firmness[who], b.pool[who], until, occupied) >= b.gpus[who]

    def _dated(self, who: Ints, since: Ints, until: Ints) -> dict[str, Any]:
        b = self.blocks
        late = until - since
        short = np.where(b.end_moves[who], 0, late) * b.gpus[who]
        lines = [
            (b.pool[who], b.start[who], since, b.gpus[who]),
            (b.pool[who], until, self._moved_end(who, since, until), b.gpus[who]),
        ]
        return self._batch(WAIT, who, lines, harm=more_credit(b, who, late), late=late, short=short)

    def _undated(self, who: Ints, since: Ints) -> dict[str, Any]:
        """No date within the horizon: the credit until then, or what comes back at the long stop, if that is more."""
        b = self.blocks
        missing, beyond = b.end[who] - since, self.supply.days - since + 1
        stops = (b.long_stop_days[who] > 0) & (since + b.long_stop_days[who] <= self.supply.days)
        back = np.where(stops, refund_usd(b, who, missing), 0.0)
        harm = np.maximum(more_credit(b, who, beyond), back)
        line = (b.pool[who], b.start[who], since, b.gpus[who])
        return self._batch(WAIT, who, [line], harm=harm, late=beyond, short=missing * b.gpus[who])

    def _recovers(self, who: Ints, since: Ints) -> Ints:
        """The first day after `since` from which its own pool has room for the rest of the block; NOWHERE if none."""
        return self._first(who, since + 1, self.blocks.pool[who], rest=self.blocks.end[who] - since)

    def elsewhere(self) -> list[dict[str, Any]]:
        """The whole of what is left in another pool: on the same days (a substitute), else on the first that fit. In
        its own pool all of its days may come later, where the contract keeps the end."""
        found: list[dict[str, Any]] = []
        for pool, lot in enumerate(self.supply.lots):
            who = self.all[self.blocks.allowed[:, pool] & (self.blocks.gpus % lot == 0)]
            found += self._in_pool(who, pool)
        return found

    def _in_pool(self, who: Ints, pool: int) -> list[dict[str, Any]]:
        b = self.blocks
        first = self._first(who, b.start[who], np.full(len(who), pool))
        own = b.pool[who] == pool
        same = (first == b.start[who]) & ~own
        later = (first > b.start[who]) & (first - b.start[who] <= self.horizon) & ~(own & b.end_moves[who])
        return [self._moved(who[rows], first[rows], kind, pool) for kind, rows in ((SUBSTITUTE, same), (MOVE, later))]

    def _moved(self, who: Ints, start: Ints, kind: int, pool: int) -> dict[str, Any]:
        b = self.blocks
        late = start - b.start[who]
        line = (np.full(len(who), pool), start, start + self.length[who], b.gpus[who])
        return self._batch(kind, who, [line], harm=more_credit(b, who, late), late=late, moves=True, consent=True)

    def _first(self, who: Ints, earliest: Ints, pool: Ints, rest: Ints | None = None) -> Ints:
        """The first start on or after `earliest` from which a pool has room: for the whole block, or with `rest` for as
        much of it as is left when it begins then (all of `rest` where the end moves). NOWHERE if there is none."""
        b = self.blocks
        found = np.full(len(who), NOWHERE, dtype=np.int64)
        starts = np.arange(self.supply.days)[None, :]
        for rows in (slice(at, at + CHUNK) for at in range(0, len(who), CHUNK)):
            chosen = who[rows]
            if rest is None:
                end = starts + self.length[chosen][:, None]
            else:
                end = np.where(b.end_moves[chosen][:, None], starts + rest[rows][:, None], b.end[chosen][:, None])
            occupied = end + b.turnaround[chosen][:, None]
            ok = (starts >= earliest[rows][:, None]) & (end > starts) & (end <= self.supply.days)
            least = self._least(
                b.firmness[chosen][:, None],
                pool[rows][:, None],
                starts,
                np.clip(occupied, starts + 1, self.supply.days),
            )
            ok &= least >= b.gpus[chosen][:, None]
            found[rows] = np.where(ok.any(axis=1), ok.argmax(axis=1), NOWHERE)
        return found

    def reduced(self) -> dict[str, Any]:
        """Fewer GPUs on the same days, as many lots as are free: for blocks that may be divided, with consent. What is
        left out is credited like GPUs that are late on all days."""
        b = self.blocks
        who = self.all[b.divisible & (b.end <= self.supply.days)]
        occupied = np.minimum(b.end[who] + b.turnaround[who], self.supply.days)
        least = self._least(b.firmness[who], b.pool[who], b.start[who], occupied)
        lots = self.supply.lots[b.pool[who]]
        gpus = np.minimum(least, b.gpus[who] - 1) // lots * lots
        who, gpus = who[gpus > 0], gpus[gpus > 0]
        missing = b.gpus[who] - gpus
        harm = np.floor(more_credit(b, who, self.length[who]) * 100 * missing / b.gpus[who]) / 100
        line = (b.pool[who], b.start[who], b.end[who], gpus)
        return self._batch(REDUCE, who, [line], harm=harm, short=missing * self.length[who], consent=True)

    def exits(self) -> dict[str, Any]:
        """The contract ends and what was not delivered comes back: where no date before the long stop fits."""
        b = self.blocks
        first = self._recovers(self.all, b.start)
        wait = np.where(first >= 0, first - b.start, self.supply.days) + b.late
        who = self.all[(b.long_stop_days > 0) & (wait >= b.long_stop_days)]
        harm = refund_usd(b, who, self.length[who])
        return self._batch(EXIT, who, [], harm=harm, short=b.gpus[who] * self.length[who], consent=True)

    def _least(self, firmness: Ints, pool: Ints, start: Ints, end: Ints) -> Ints:
        """The least room over [start, end), broadcast; start < end <= days. From the least of every 1, 2, 4 … days."""
        days = self.supply.days
        begin = np.clip(start, 0, days - 1)
        width = np.maximum(end - begin, 1)
        level = np.frexp(width.astype(np.float64))[1] - 1
        last = np.clip(end - (1 << level), 0, days - 1)
        return np.minimum(self._levels[level, firmness, pool, begin], self._levels[level, firmness, pool, last])

    def _batch(
        self,
        kind: int,
        who: Ints,
        lines: Sequence[tuple[Ints, Ints, Ints, Ints]],
        *,
        harm: Floats | None = None,
        late: Ints | None = None,
        short: Ints | None = None,
        moves: bool = False,
        consent: bool = False,
    ) -> dict[str, Any]:
        zeros = np.zeros(len(who), dtype=np.int64)
        late, short = zeros if late is None else late, zeros if short is None else short
        table, sold_end = self._lines(who, lines)
        return {
            "reservation": who,
            "kind": np.full(len(who), kind, dtype=np.int64),
            "harm_usd": np.zeros(len(who)) if harm is None else harm,
            "late_days": late,
            "short_gpu_days": short,
            "loss": late * self.blocks.gpus[who] + short,
            "moves": np.full(len(who), moves),
            "needs_consent": np.full(len(who), consent),
            "lines": table,
            "sold_end": sold_end,
        }

    def _lines(self, who: Ints, lines: Sequence[tuple[Ints, Ints, Ints, Ints]]) -> tuple[Ints, Ints]:
        """The last line keeps its turnaround; a line without days is none."""
        table = np.zeros((len(who), 2, 4), dtype=np.int64)
        table[:, :, 0] = NOWHERE
        sold_end = np.zeros((len(who), 2), dtype=np.int64)
        for place, (pool, start, end, gpus) in enumerate(lines):
            there = end > start
            after = self.blocks.turnaround[who] if place == len(lines) - 1 else 0
            occupied = np.minimum(end + after, self.supply.days)
            filled = np.stack([pool, start, occupied, gpus], axis=1)
            table[:, place] = np.where(there[:, None], filled, table[:, place])
            sold_end[:, place] = np.where(there, end, 0)
        return table, sold_end


def _levels(room: Ints) -> Ints:
    """(levels, 3, pools, days): the least of 1, 2, 4 … days from each day on; shorter at the end."""
    levels = [room]
    width = 1
    while width * 2 <= room.shape[2]:
        before = levels[-1]
        shifted = np.concatenate([before[..., width:], np.repeat(before[..., -1:], width, axis=2)], axis=2)
        levels.append(np.minimum(before, shifted))
        width *= 2
    return np.stack(levels)
