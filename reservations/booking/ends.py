"""The end of a block that was accepted late: it moves with the start, over claimed days only, if the contract says so.

Days that were kept for it (a claim among the reservation's own, after its end) become part of the block at no price:
for each portion as many as it is late. While a hand-over waits for its answer they are those of silence, so that the
end is right by the clock; an earlier answer takes days back, and what is claimed and not needed then goes back on sale.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from marketplace.capacity import ledger
from marketplace.capacity.queries import claimed_days
from marketplace.units.period import Period
from pricing.quotes.changes import Part, Piece, per_day
from reservations.booking.models import Reservation
from reservations.booking.pieces import as_json, cuts, parts, pieces_of, read_pieces

FOR_LATENESS = "for_lateness"  # marks a stored piece; a change of the block makes it a piece like any other


def with_moved_end(found: Reservation, late: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """What becomes of end and pieces when portions (GPUs, days late) stand so; nothing where nothing moves.

    Raises nothing: as many days as are claimed, and no more.
    """
    terms = found.quote.contract_terms.delay_terms
    stored = found.pieces or []
    if terms is None or not terms.end_moves or (found.moved_days and not any(FOR_LATENESS in each for each in stored)):
        return {}
    ended = found.end - timedelta(days=found.moved_days)
    most = (claimed_until(found) - ended).days
    added = [_piece(ended, min(days, most), gpus) for gpus, days in late if min(days, most) > 0]
    if not added and not found.moved_days:
        return {}
    base = pieces_of(found) if found.pieces is None else read_pieces([e for e in stored if FOR_LATENESS not in e])
    days = max((piece.period.days for piece in added), default=0)
    marked = [{**each, FOR_LATENESS: True} for each in as_json(added)]
    return {
        "pieces": [*as_json(base), *marked],
        "end": ended + timedelta(days=days),
        "moved_days": days,
        "revision": found.revision + 1,
    }


def _piece(ended: date, days: int, gpus: int) -> Piece:
    return Piece(Part(Period(ended, ended + timedelta(days=days)), gpus), 0, np.ones(days, dtype=np.int64))


def claimed_until(found: Reservation) -> date:
    """The end of the last day that the reservation's claims hold for use, turnaround left out."""
    lines = claimed_days(claim_ids=found.claim_ids)
    return max((line.end for line in lines), default=found.end)


def give_back_surplus(found: Reservation, now: datetime) -> None:
    """Frees what is claimed after the end that the block has now. Its own turnaround stays."""
    until = claimed_until(found)
    if until <= found.end:
        return
    turnaround = found.quote.contract_terms.turnaround_days
    lines = claimed_days(claim_ids=found.claim_ids)
    period = Period(min(line.start for line in lines), until + timedelta(days=turnaround))
    claimed = per_day([Part(Period(line.start, line.end), line.quantity) for line in lines], period)
    wanted = np.minimum(claimed, per_day(parts(found), period))
    kept = cuts(
        pool_id=found.pool_id,
        claim_ids=found.claim_ids,
        before=claimed,
        after=wanted,
        period=period,
        turnaround=turnaround,
    )
    ledger.amend(commit=None, kept=kept, now=now)
