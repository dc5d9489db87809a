"""What a plan may choose: nothing that leaves anybody less than the baseline, unless it is a proposal. Pure.

A reservation keeps its option of the baseline as a fallback: whoever declines a proposal gets it, so its capacity stays
taken beside that of the proposal, as whichever of the two is more on a pool's day. A plan is possible whoever declines.

Members of a bundle are asked together: where one member's option needs consent, every member's fallback stays taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pricing.clearing.room import Line
from reservations.allocation.case import Ints
from reservations.allocation.units import KINDS, Units


@dataclass(frozen=True)
class Pick:
    """An option of a reservation within a way. `lines` is what it takes: a proposal's, its fallback's too."""

    reservation: int
    option: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Way:
    """Options of one kind, for each member of a unit those from which one is picked. asks: with the buyer's consent."""

    kind: int | None
    asks: bool
    picks: tuple[tuple[Pick, ...], ...]


def ways_of(units: Units, fallback: Ints) -> list[list[Way]]:
    """Per unit, the ways that a plan may go; that of the baseline is among them.

    Without consent an option is open if its loss is no more than the baseline's. With consent any that asks for it
    is, and in a bundle those of the other members that would be open without.
    """
    maker = _Maker(units, fallback)
    return [list(maker.of(members)) for members in units.members]


class _Maker:
    def __init__(self, units: Units, fallback: Ints) -> None:
        case = units.case
        self.lines = units.lines
        self.fallback = fallback.tolist()
        self.first, self.kind = case.first.tolist(), case.kind.tolist()
        self.consent, self.loss = case.needs_consent.tolist(), case.loss.tolist()

    def of(self, members: tuple[int, ...]) -> Iterator[Way]:
        for kind in KINDS if len(members) > 1 else (None,):
            for asks in (False, True):
                picks = tuple(tuple(self._picks(each, kind, asks, len(members) > 1)) for each in members)
                if all(picks):
                    yield Way(kind, asks, picks)

    def _picks(self, reservation: int, kind: int | None, asks: bool, bundled: bool) -> Iterator[Pick]:
        kept = self.fallback[reservation]
        for option in range(self.first[reservation], self.first[reservation + 1]):
            if kind not in (None, self.kind[option]):
                continue
            if self.consent[option] and asks:
                yield Pick(reservation, option, whichever_is_more(self.lines[option], self.lines[kept]))
            elif not self.consent[option] and self.loss[option] <= self.loss[kept] and (bundled or not asks):
                lines = whichever_is_more(self.lines[option], self.lines[kept]) if asks else tuple(self.lines[option])
                yield Pick(reservation, option, lines)


def whichever_is_more(one: list[Line], other: list[Line]) -> tuple[Line, ...]:
    """Lines that take on every pool's day as much as the more demanding of the two."""
    if not {line[0] for line in one} & {line[0] for line in other}:
        return (*one, *other)
    pools = sorted({line[0] for line in (*one, *other)})
    return tuple(line for pool in pools for line in _more(pool, one, other))


def _more(pool: int, one: list[Line], other: list[Line]) -> Iterator[Line]:
    mine, theirs = ([line for line in lines if line[0] == pool] for lines in (one, other))
    days = sorted({day for line in (*mine, *theirs) for day in line[1:3]})
    open_start, open_gpus = 0, 0
    for start, end in pairwise(days):
        gpus = max(_on(mine, start), _on(theirs, start))
        if gpus != open_gpus:
            if open_gpus:
                yield pool, open_start, start, open_gpus
            open_start, open_gpus = start, gpus
        if end == days[-1] and gpus:
            yield pool, open_start, end, gpus


def _on(lines: list[Line], day: int) -> int:
    return sum(gpus for _, start, end, gpus in lines if start <= day < end)
