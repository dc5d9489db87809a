"""What it costs if usage grows: the added need, bought now, bought later, or used as overage."""

from decimal import Decimal
from typing import Any

import numpy as np

from marketplace.units.compute import gpu_hours
from marketplace.units.money import Money, rounded
from marketplace.units.period import Period, in_words
from pricing.curve.board import Row, current_board
from pricing.quotes.need import Need, Range
from pricing.quotes.ramps import Layer
from pricing.quotes.search import search
from reservations.continuity.asked import Growth
from reservations.continuity.coverage import Ints, coverage, late_by
from reservations.continuity.documents import figure, next_day, not_found, offered, steps, summed
from reservations.continuity.forward import Moves, forward_price, moves, rows_of
from reservations.continuity.growth import added, blocks
from reservations.continuity.holdings import Holdings
from reservations.continuity.ready import ready_bundle

MOST_BLOCKS = 4  # of one accelerator
NO_OVERAGE = (
    "No overage rate is agreed in any contract here yet, so use beyond what you hold has no price, and cannot be "
    "counted on."
)
LATER = (
    "The forward curve is what the market asks today for those days, for the next GPU and before terms. It is no "
    "promise and no forecast: what you buy later costs what the curve says then, and may be sold out."
)


def answer(asked: Growth, found: Holdings) -> dict[str, Any]:
    """The added need of each accelerator, with what it costs now and what the forward curve says of later."""
    first = max(found.offset(asked.start), next_day(found))
    held = coverage(found.book, late_by(found.book, found.book.owner < 0, 0)).held
    more = added(held, asked.factor, first)
    grows = [not asked.accelerators or kind.key in asked.accelerators for kind in found.kinds]
    more[~np.array(grows, dtype=bool)] = 0
    board, weights = current_board(), found.book.weights
    places = [row for row in range(len(found.kinds)) if more[row].any()]
    needs, rows = [], []
    for row in places:
        key = found.kinds[row].key
        each = [_block(asked, found, key, block, rows_of(board, key)) for block in blocks(more[row], MOST_BLOCKS)]
        rows.append(_accelerator(key, more[row], [block for _, block in each]))
        needs += [need for need, block in each if block["now"]]
    whole = [steps(found, "h100_equivalents", weights @ held, weights @ (held + more))] if rows else []
    return {
        "title": _title(asked, rows),
        "headline": _headline(rows, int(more.sum())),
        "steps": [*whole, *(steps(found, found.kinds[row].key, held[row], held[row] + more[row]) for row in places)],
        "accelerators": rows,
        "bundle": ready_bundle(needs, found),
        "overage": {"unit_price": None, "detail": NO_OVERAGE},
        "notes": [LATER],
    }


def _accelerator(key: str, more: Ints, each: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "accelerator": key,
        "added_gpu_days": int(more.sum()),
        "most_added_gpus": int(more.max()),
        "blocks": each,
    }


def _block(asked: Growth, found: Holdings, key: str, block: Layer, tape: list[Row]) -> tuple[Need, dict[str, Any]]:
    """One block of added need, bought now and by the forward curve."""
    size, days, start = block.quantity, block.end - block.start, found.day(block.start)
    need = Need(Range(size, size), Range(days, days), start, start, asked.firmness, accelerators=(key,))
    answered = search(need=need, organisation_id=found.organisation_id, now=found.now)
    best = answered.offers[0] if answered.offers else None
    return need, {
        "need": need.as_json(),
        "quantity": size,
        "start": start.isoformat(),
        "end_exclusive": found.day(block.end).isoformat(),
        "now": offered(best) if best else None,
        "refusal": not_found(answered),
        "later": _later(asked, found, tape, Period.of(start, days), best.terms.quantity if best else size),
    }


def _later(asked: Growth, found: Holdings, tape: list[Row], period: Period, gpus: int) -> dict[str, Any]:
    """What the curve asks for those days and so many GPUs, as many as an offer of now has where there is one."""
    curve = forward_price(tape, asked.firmness, period)
    moved = moves([row.pool.pk for row in tape], asked.firmness, period, found.now)
    hours, price = gpu_hours(gpus, period.days), curve.unit_price
    return {
        "unit_price": None if price is None else f"{price:.4f}",
        "total": None if price is None else rounded(Decimal(price) * hours).as_json(),
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


def _headline(rows: list[dict[str, Any]], more: int) -> list[dict[str, Any]]:
    every = [block for row in rows for block in row["blocks"]]
    now = [Money.from_json(block["now"]["total"]) for block in every if block["now"]]
    both = [block for block in every if block["now"] and block["later"]["total"]]
    later = [Money.from_json(block["later"]["total"]) for block in both]
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
