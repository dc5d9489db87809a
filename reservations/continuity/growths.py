"""What it costs if usage grows: the added need, bought now, bought later, or used as overage."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from marketplace.units.compute import gpu_hours
from marketplace.units.money import Money, rounded
from marketplace.units.period import Period, in_words
from pricing.curve.board import Board, Row, current_board
from pricing.quotes.asked_together import MOST_NEEDS
from pricing.quotes.need import Need, Range
from pricing.quotes.ramps import Layer
from pricing.quotes.search import search
from reservations.continuity.asked import Growth
from reservations.continuity.coverage import Coverage, coverage, late_by
from reservations.continuity.documents import figure, next_day, not_found, offered, steps, summed
from reservations.continuity.forward import Forward, Moves, forward_price, moves, rows_of
from reservations.continuity.growth import added, blocks
from reservations.continuity.holdings import Holdings

MOST_BLOCKS = 4  # of one accelerator
NO_OVERAGE = (
    "No overage rate is agreed in any contract here yet, so use beyond what you hold has no price, and cannot be "
    "counted on."
)
LATER = (
    "The forward curve is what the market asks today for those days, for the next GPU and before terms. It is no "
    "promise and no forecast: what you buy later costs what the curve says then, and may be sold out."
)


def answer(asked: Growth, found: Holdings, organisation_id: int, now: datetime) -> dict[str, Any]:
    """The added need of each accelerator, with what it costs now and what the forward curve says of later."""
    first = max(found.offset(asked.start), next_day(found))
    cover = coverage(found.book, late_by(found.book, found.book.owner < 0, 0))
    more = added(cover.held, asked.factor, first)
    board = current_board()
    rows = [
        _accelerator(asked, found, kind.key, cover.held[row], more[row], board, organisation_id, now)
        for row, kind in enumerate(found.kinds)
        if more[row].any() and (not asked.accelerators or kind.key in asked.accelerators)
    ]
    kept = [row for row, kind in enumerate(found.kinds) if kind.key in {each["accelerator"] for each in rows}]
    more[[row for row in range(len(more)) if row not in kept]] = 0
    whole = [steps(found, "h100_equivalents", *_in_h100(found, cover, more))] if rows else []
    return {
        "title": _title(asked, rows),
        "headline": _headline(rows, int(more.sum())),
        "steps": whole + [each.pop("steps") for each in rows],
        "accelerators": rows,
        "bundle": bundle_of(rows),
        "overage": {"unit_price": None, "detail": NO_OVERAGE},
        "notes": [LATER],
    }


def _in_h100(found: Holdings, cover: Coverage, more: Any) -> tuple[Any, Any]:
    weights = found.book.weights
    return weights @ cover.held, weights @ (cover.held + more)


def _accelerator(
    asked: Growth,
    found: Holdings,
    key: str,
    held: Any,
    more: Any,
    board: Board | None,
    organisation_id: int,
    now: datetime,
) -> dict[str, Any]:
    """One accelerator's added need as blocks, each with its offer of now and its forward price."""
    tape = rows_of(board, key)
    each = [_block(asked, found, key, block, tape, organisation_id, now) for block in blocks(more, MOST_BLOCKS)]
    return {
        "accelerator": key,
        "added_gpu_days": int(more.sum()),
        "most_added_gpus": int(more.max()),
        "blocks": each,
        "steps": steps(found, key, held, held + more),
    }


def _block(
    asked: Growth, found: Holdings, key: str, block: Layer, tape: list[Row], organisation_id: int, now: datetime
) -> dict[str, Any]:
    days = block.end - block.start
    start = found.day(block.start)
    need = Need(
        quantity=Range(block.quantity, block.quantity),
        duration=Range(days, days),
        start_from=start,
        start_to=start,
        firmness=asked.firmness,
        accelerators=(key,),
    )
    answered = search(need=need, organisation_id=organisation_id, now=now)
    period = Period.of(start, days)
    hours = gpu_hours(block.quantity, days)
    pools = [row.pool.pk for row in tape]
    return {
        "need": need.as_json(),
        "quantity": block.quantity,
        "start": start.isoformat(),
        "end_exclusive": period.end.isoformat(),
        "now": offered(answered.offers[0]) if answered.offers else None,
        "refusal": not_found(answered),
        "later": _later(forward_price(tape, asked.firmness, period), moves(pools, asked.firmness, period, now), hours),
    }


def _later(curve: Forward, moved: Moves, hours: int) -> dict[str, Any]:
    total = None if curve.unit_price is None else rounded(Decimal(curve.unit_price) * hours)
    return {
        "unit_price": None if curve.unit_price is None else f"{curve.unit_price:.4f}",
        "total": total.as_json() if total else None,
        "priced_days": curve.priced_days,
        "days": curve.days,
        "weekly_moves": {
            "weeks": moved.weeks,
            "count": moved.count,
            "p10": _fraction(moved.low),
            "p50": _fraction(moved.middle),
            "p90": _fraction(moved.high),
        },
        "detail": _said(moved),
    }


def _fraction(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _said(moved: Moves) -> str:
    """How the price may move, as far as anybody can tell from what was published."""
    if not moved.count:
        return "The market has not published prices of these days for two weeks yet: how they move is not known."
    low, high = (f"{value * 100:+.1f} %".replace("-", "−") for value in (moved.low or 0.0, moved.high or 0.0))
    weeks = f"{moved.weeks} week{'s' if moved.weeks != 1 else ''}"
    return f"Over the last {weeks} the price of a day like these moved by {low} to {high} a week (8 times in 10)."


def bundle_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The needs of all blocks that fit now, as POST /offers takes them together."""
    needs = [block["need"] for row in rows for block in row["blocks"] if block["now"]]
    return {"parts": needs[:MOST_NEEDS], "left_out": max(len(needs) - MOST_NEEDS, 0)}


def _headline(rows: list[dict[str, Any]], more: int) -> list[dict[str, Any]]:
    every = [block for row in rows for block in row["blocks"]]
    now = [Money.from_json(block["now"]["total"]) for block in every if block["now"]]
    later = [Money.from_json(block["later"]["total"]) for block in every if block["later"]["total"]]
    odds = [Decimal(block["now"]["delivery_confidence"]) for block in every if block["now"]]
    return [
        figure("added_gpu_days", more, "gpu_days"),
        figure("now_total", str(summed(now).amount) if now else None, "USD"),
        figure("forward_total", str(summed(later).amount) if later else None, "USD"),
        figure("blocks_that_fit", len(now), "blocks"),
        figure("blocks_refused", len(every) - len(now), "blocks"),
        figure("least_delivery_confidence", str(min(odds)) if odds else None, "share"),
    ]


def _title(asked: Growth, rows: list[dict[str, Any]]) -> str:
    times = f"Usage × {asked.factor.normalize():f} from {in_words(asked.start)}"
    every = [block for row in rows for block in row["blocks"]]
    fits = sum(block["now"] is not None for block in every)
    if not every:
        return f"{times} adds nothing: you hold nothing then"
    return f"{times}: {fits} of {len(every)} added block{'s' if len(every) != 1 else ''} can be bought now"
