"""The pieces of a reservation: what it was made of, act by act, each with its price; and its claims on capacity.

A reservation that was never changed is one piece, its quote's block, and keeps no rows or columns of its own for it.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from marketplace.capacity.ledger import Kept, Line
from marketplace.capacity.queries import claimed_days
from marketplace.units.period import Period
from pricing.quotes.changes import Ints, Part, Piece, occupied, parts_of, per_day, returned
from pricing.quotes.changing import cents_of, worth_by_day
from reservations.booking.models import Reservation


def pieces_of(reservation: Reservation) -> list[Piece]:
    """Oldest first."""
    if reservation.pieces is not None:
        return read_pieces(reservation.pieces)
    whole = Part(reservation.period, reservation.quantity)
    weights = worth_by_day(reservation.quote)
    return [Piece(whole, cents_of(reservation.money), weights)]


def parts(reservation: Reservation) -> list[Part]:
    """What it has, day by day: runs of days with the same quantity."""
    if reservation.pieces is None:
        return [Part(reservation.period, reservation.quantity)]
    return flattened(read_pieces(reservation.pieces))


def flattened(pieces: Sequence[Piece]) -> list[Part]:
    held = [piece.part for piece in pieces]
    if not held:
        return []
    period = Period(min(part.period.start for part in held), max(part.period.end for part in held))
    return parts_of(per_day(held, period), period.start)


def as_json(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    return [
        {
            "start": piece.period.start.isoformat(),
            "end": piece.period.end.isoformat(),
            "quantity": piece.part.quantity,
            "cents": piece.cents,
            "weights": piece.weights.tolist(),
        }
        for piece in pieces
    ]


def read_pieces(stored: Sequence[dict[str, Any]]) -> list[Piece]:
    return [_read(each) for each in stored]


def _read(each: dict[str, Any]) -> Piece:
    period = Period(date.fromisoformat(each["start"]), date.fromisoformat(each["end"]))
    return Piece(Part(period, each["quantity"]), each["cents"], np.array(each["weights"], dtype=np.int64))


def cuts(
    *, pool_id: int, claim_ids: Sequence[int], before: Ints, after: Ints, period: Period, turnaround: int
) -> list[Kept]:
    """What the claims keep when a use per day becomes another: those taken last give back first.

    Only claims that lose something are named. `before` and `after` are GPUs a day over `period`.
    """
    back = returned(occupied(before, turnaround), occupied(after, turnaround))
    held: dict[int, list[Part]] = {claim_id: [] for claim_id in claim_ids}
    for line in claimed_days(claim_ids=claim_ids):
        held[line.claim_id].append(Part(Period(line.start, line.occupied_end), line.quantity))
    found = []
    for claim_id in sorted(held, reverse=True):
        has = per_day(held[claim_id], period)
        taken = np.minimum(has, back)
        back = back - taken
        if taken.any():
            kept = parts_of(has - taken, period.start)
            found.append(Kept(claim_id, tuple(_line(pool_id, part, after, period) for part in kept)))
    return found


def _line(pool_id: int, part: Part, after: Ints, period: Period) -> Line:
    """A claim's line; where its last days are turnaround, its block ends before them."""
    used = np.flatnonzero(after[: (part.period.end - period.start).days])
    last = period.start.toordinal() + int(used[-1]) + 1 if len(used) else part.period.end.toordinal()
    end = min(part.period.end, date.fromordinal(last))
    if end <= part.period.start:
        return Line(pool_id, part.period, part.quantity)
    return Line(pool_id, Period(part.period.start, end), part.quantity, part.period.end)
