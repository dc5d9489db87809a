"""What a plan has for one reservation, in the words that its buyer will read: kinds, dates, money, confidence."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import numpy as np

from marketplace.supply.models import Projection
from marketplace.supply.queries import delivery_confidences
from marketplace.units.period import Period
from reservations.allocation.gathering import Gathered
from reservations.allocation.options import EXIT, KINDS, NOW, NOWHERE, REDUCE, WAIT, Ints
from reservations.allocation.planning import Planned


class Offering:
    """The default first, then what the plan proposes, then the ways out that take no room from anybody: fewer GPUs on
    the same days, and leaving."""

    def __init__(self, planned: Planned, found: Gathered, projection: Projection) -> None:
        self.planned, self.options = planned, planned.options
        self.found, self.projection = found, projection
        self.use = use_under(planned)
        self.chosen, self.fallback = planned.outcome.chosen.tolist(), planned.outcome.fallback.tolist()
        self.first, self.kind = self.options.first.tolist(), self.options.kind.tolist()
        self.rows = [self._rows(place) for place in range(len(self.chosen))]
        self.sure = self._sureness()

    def of(self, place: int) -> list[dict[str, Any]]:
        """Of one reservation; empty where it stays as contracted."""
        default, chosen = self.fallback[place], self.chosen[place]
        return [self._shown(place, row, is_default=row == default, is_chosen=row == chosen) for row in self.rows[place]]

    def _rows(self, place: int) -> list[int]:
        default, chosen = self.fallback[place], self.chosen[place]
        if self.kind[default] == NOW and self.kind[chosen] == NOW:
            return []
        own = range(self.first[place], self.first[place + 1])
        others = [self._least_harm(own, kind) for kind in (REDUCE, EXIT)]
        return list(dict.fromkeys(row for row in (default, chosen, *others) if row is not None))

    def _least_harm(self, own: range, kind: int) -> int | None:
        return min(
            (row for row in own if self.kind[row] == kind), key=lambda row: self.options.harm_usd[row], default=None
        )

    def _shown(self, place: int, row: int, *, is_default: bool, is_chosen: bool) -> dict[str, Any]:
        options = self.options
        lines = [
            self._line(each, int(end)) for each, end in zip(options.lines[row], options.sold_end[row], strict=True)
        ]
        return {
            "place": row - self.first[place],
            "kind": KINDS[self.kind[row]],
            "is_default": is_default,
            "is_chosen": is_chosen,
            "needs_consent": bool(options.needs_consent[row]),
            "late_days": self._late(row),
            "short_gpu_days": int(options.short_gpu_days[row]),
            "credit_usd": f"{options.harm_usd[row]:.2f}",
            "confidence": self.sure.get(row),
            "lines": [line for line in lines if line],
        }

    def _late(self, row: int) -> int | None:
        """None where there is no date within the horizon: nothing follows what is kept."""
        if self.kind[row] == WAIT and self.options.lines[row, 1, 0] == NOWHERE:
            return None
        return int(self.options.late_days[row])

    def _line(self, line: Ints, sold_end: int) -> dict[str, Any] | None:
        pool, start, end, gpus = line.tolist()
        if pool == NOWHERE:
            return None
        return {
            "pool": self.found.pools[pool].public_id,
            "start": self._day(start).isoformat(),
            "end": self._day(sold_end).isoformat(),
            "occupied_end": self._day(end).isoformat(),
            "gpus": gpus,
        }

    def _day(self, offset: int) -> date:
        return self.found.first_day + timedelta(days=offset)

    def _sureness(self) -> dict[int, float | None]:
        """By option, the probability that all of its lines are delivered, everything of its class and firmer ones as
        the plan has it with it; of several lines the least sure one. A pool's scenarios are gone through once."""
        asked: dict[int, list[tuple[int, tuple[Period, Ints]]]] = defaultdict(list)
        for place, rows in enumerate(self.rows):
            for row in rows:
                for line in self.options.lines[row]:
                    if line[0] != NOWHERE:
                        asked[int(line[0])].append((row, self._required(place, row, line)))
        found: dict[int, list[float | None]] = defaultdict(list)
        for pool, lines in asked.items():
            answers = delivery_confidences(
                pool_id=self.found.pools[pool].pk, blocks=[block for _, block in lines], projection=self.projection
            )
            for (row, _), answer in zip(lines, answers, strict=True):
                found[row].append(answer)
        return {row: _least(odds) for row, odds in found.items()}

    def _required(self, place: int, row: int, line: Ints) -> tuple[Period, Ints]:
        pool, start, end, gpus = line.tolist()
        required = self.use[int(self.planned.question.blocks.firmness[place]), pool, start:end]
        if row != self.fallback[place]:
            required = required + gpus  # its default keeps its room beside it
        return Period(self._day(start), self._day(end)), required


def _least(odds: list[float | None]) -> float | None:
    known = [each for each in odds if each is not None]
    return round(min(known), 4) if len(known) == len(odds) else None


def use_under(planned: Planned) -> Ints:
    """(3, pools, days) nested use if everybody has the default: of the case, and of everything beside it."""
    question, options = planned.question, planned.options
    rows = planned.outcome.fallback
    lines = options.lines[rows].reshape(-1, 4)
    firmness = np.repeat(question.blocks.firmness, 2)
    there = lines[:, 0] != NOWHERE
    pool, start, end, gpus = lines[there].T
    shape = question.supply.others.shape
    steps = np.zeros((*shape[:2], shape[2] + 1), dtype=np.int64)
    np.add.at(steps, (firmness[there], pool, start), gpus)
    np.subtract.at(steps, (firmness[there], pool, end), gpus)
    nested: Ints = np.cumsum(np.cumsum(steps, axis=2)[:, :, :-1], axis=0)
    return question.supply.others + nested
