"""What the engine answers: it concedes only against something given, at the published rates, and so has no secret.

Of every term that a buyer could give it tries the published steps, on their own and, where none of them reaches the
price that is wanted, in pairs. It never reads what sales may grant (`margins.py`): a contract in pyproject.toml.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import numpy as np

from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.money import Money, unit_price, usd_from_cents
from pricing.negotiation.board import Board
from pricing.negotiation.counters import Counter
from pricing.negotiation.deals import DAYS, FIRMNESS_OF, PREPAYMENT, QUANTITY, START, Deal, OnTable, Trade, Want
from pricing.quotes.blocks import round_up
from pricing.quotes.need import LONGEST_BLOCK_DAYS, MOST_GPUS

SMALLEST = Decimal("-0.0005")  # a change nearer to nothing than this is none
LONGER_STEPS = 2  # of the tenor schedule
MOST_PAIRS = 3
AROUND = {START, PREPAYMENT, FIRMNESS_OF}
PAIRS = ((START, PREPAYMENT), (START, FIRMNESS_OF), (PREPAYMENT, FIRMNESS_OF), (START, DAYS), (PREPAYMENT, DAYS))
Rule = Callable[[Deal, Money], bool]


@dataclass(frozen=True)
class Answer:
    """`agreed`: the deal asked for, at a price that is not above the one wanted. Otherwise trades to take."""

    sentence: str
    agreed: Trade | None = None
    trades: tuple[Trade, ...] = ()


def lengths_tried(deal: Deal, steps: Sequence[Sequence[int]]) -> list[int]:
    """The next thresholds of the tenor schedule above the deal's length."""
    longer = [start for start, _ in steps if deal.period.days < start <= LONGEST_BLOCK_DAYS]
    return longer[:LONGER_STEPS]


def answer(counter: Counter, *, table: OnTable, board: Board) -> Answer:
    """The engine's answer to a counter-offer about the quote that is on the table."""
    asked = board.total(counter.deal)
    if counter.want is None:
        return _at_published_price(counter, asked, table, board)
    if asked is not None and counter.deal != table.deal and counter.want.is_met(counter.deal, asked, counter.deal):
        return _agreed(counter, asked, table)
    return _trades(counter, counter.want, table, board)


def _agreed(counter: Counter, asked: Money, table: OnTable) -> Answer:
    trade = table.trade(counter.deal, asked, reaches=True)
    said = f"Agreed. {trade.title}: {_in_all(trade)}, at the published rates."
    return Answer(said, agreed=trade)


def _at_published_price(counter: Counter, asked: Money | None, table: OnTable, board: Board) -> Answer:
    if asked is None:
        near = _nearest_starts(counter.deal, table, board)
        said = "This is the nearest start at which it does." if near else "Nor does it on any date near it."
        return Answer(f"That does not fit. {said}", trades=near)
    trade = table.trade(counter.deal, asked, reaches=True)
    said = f"{trade.title}: {_in_all(trade)}, {_percent(trade.change)} {_measure(trade)}, at the published rates."
    return Answer(said, trades=(trade,))


def _nearest_starts(deal: Deal, table: OnTable, board: Board) -> tuple[Trade, ...]:
    """The nearest start at which the deal fits, whatever it costs."""
    found = _best_start(deal, board, lambda each, total: True)
    return (table.trade(*found, reaches=False),) if found else ()


def _trades(counter: Counter, want: Want, table: OnTable, board: Board) -> Answer:
    def is_met(deal: Deal, total: Money) -> bool:
        return want.is_met(deal, total, counter.deal)

    options = _options(counter.deal, want, board)
    tried = (_single(term, options[term], counter.deal, board, is_met) for term in options)
    singles = [found for found in tried if found]
    trades = _worth_it(singles, table, is_met)
    if not any(trade.reaches for trade in trades):
        trades += _worth_it(list(_pairs(options, counter.deal, board, is_met)), table, is_met, most=MOST_PAIRS)
    trades.sort(key=lambda trade: (not trade.reaches, len(trade.gives), trade.change))
    return Answer(_said(want, trades), trades=tuple(trades))


def _said(want: Want, trades: Sequence[Trade]) -> str:
    if any(trade.reaches for trade in trades):
        return (
            f"A lower price needs something given. At the published rates these lead to {want.in_words()}, or near it."
        )
    if trades:
        said = f"Nothing at the published rates reaches {want.in_words()}."
        return f"{said} These trades come nearest. If you insist, sales answer."
    return f"Nothing that could be traded brings this block nearer to {want.in_words()}. If you insist, sales answer."


def _options(deal: Deal, want: Want, board: Board) -> dict[str, list[Deal]]:
    """By term, the deals that give a published step of it, the smallest first. The start is looked for later on."""
    policy = board.policy
    prepaid = [share for share, _ in policy.prepayment if share > deal.prepayment]
    volume = _next_volume(deal, policy.volume, board.quote.pool.lot)
    return {
        START: [deal],
        PREPAYMENT: [replace(deal, prepayment=share) for share in prepaid],
        FIRMNESS_OF: [replace(deal, firmness=name) for name in FIRMNESS[rank(deal.firmness) + 1 :]],
        DAYS: [deal.with_days(days) for days in lengths_tried(deal, policy.tenor)],
        QUANTITY: [*_fewer(deal, want, board), *volume],
    }


def _next_volume(deal: Deal, steps: Sequence[Sequence[int]], lot: int) -> list[Deal]:
    """The least quantity of the same length that reaches the next step of the volume schedule."""
    hours = deal.gpu_hours // deal.quantity
    wanted = [round_up(-(-start // hours), lot) for start, _ in steps if start > deal.gpu_hours]
    return [replace(deal, quantity=each) for each in wanted[:1] if each <= MOST_GPUS]


def _fewer(deal: Deal, want: Want, board: Board) -> list[Deal]:
    """The most GPUs, in whole lots, that a wanted total pays for on the same days."""
    if want.total is None:
        return []
    lot = board.quote.pool.lot
    low, high = 0, deal.quantity // lot
    while high - low > 1:
        middle = (low + high) // 2
        total = board.total(replace(deal, quantity=middle * lot))
        low, high = (middle, high) if total is not None and total.amount <= want.total.amount else (low, middle)
    return [replace(deal, quantity=low * lot)] if low else []


Priced = tuple[Deal, Money]


def _single(term: str, options: Sequence[Deal], deal: Deal, board: Board, is_met: Rule) -> Priced | None:
    """The smallest step of one term that reaches the price, else the one that comes nearest to it."""
    if term == START:
        return _best_start(deal, board, is_met)
    return _first_or_least([found for each in options if (found := _priced(each, board))], is_met)


def _priced(deal: Deal, board: Board) -> Priced | None:
    total = board.total(deal)
    return None if total is None else (deal, total)


def _first_or_least(found: Sequence[Priced], is_met: Rule) -> Priced | None:
    met = [each for each in found if is_met(*each)]
    return met[0] if met else min(found, key=_per_hour, default=None)


def _per_hour(found: Priced) -> Decimal:
    deal, total = found
    return total.amount / deal.gpu_hours


def _best_start(deal: Deal, board: Board, is_met: Rule) -> Priced | None:
    """The nearest other start at which the deal fits and the rule is met, the cheaper of two; else the cheapest one."""
    starts = board.starts(deal)
    if starts is None:
        return None
    away = np.abs(starts.offsets - (deal.period.start - board.first).days)
    other = np.flatnonzero(away > 0)
    nearest = other[np.lexsort((starts.cents[other], away[other]))]
    for at in nearest[_met(starts.cents[nearest], deal, is_met)][:1]:
        return _at(deal, board, starts.offsets[at], starts.cents[at])
    for at in other[np.lexsort((away[other], starts.cents[other]))][:1]:
        return _at(deal, board, starts.offsets[at], starts.cents[at])
    return None


def _met(cents: np.ndarray, deal: Deal, is_met: Rule) -> np.ndarray:
    """Which totals meet the rule: one limit in cents, found by halving, since a lower total never meets it less."""
    low, high = 0, int(cents.max(initial=0)) + 1
    if is_met(deal, usd_from_cents(high)):
        return np.ones(len(cents), dtype=bool)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_met(deal, usd_from_cents(middle)) else (low, middle)
    return cents <= low


def _at(deal: Deal, board: Board, offset: int, cents: int) -> Priced:
    return deal.starting(board.first + timedelta(days=int(offset))), usd_from_cents(int(cents))


def _pairs(options: dict[str, list[Deal]], deal: Deal, board: Board, is_met: Rule) -> Iterator[Priced]:
    """The smallest steps of two terms together that reach the price, else what comes nearest."""
    for first, second in PAIRS:
        if first == START:
            found = [best for each in options[second] if (best := _best_start(each, board, is_met))]
        else:
            both = [_joined(deal, a, b) for a in options[first] for b in options[second]]
            found = [priced for each in both if (priced := _priced(each, board))]
        best = _first_or_least(found, is_met)
        if best:
            yield best


def _joined(deal: Deal, one: Deal, other: Deal) -> Deal:
    """Both changes against the deal at once; they are of different terms."""
    return replace(
        other,
        prepayment=one.prepayment if one.prepayment != deal.prepayment else other.prepayment,
        firmness=one.firmness if one.firmness != deal.firmness else other.firmness,
    )


def _worth_it(found: Sequence[Priced], table: OnTable, is_met: Rule, most: int | None = None) -> list[Trade]:
    """Those that cost less than what is on the table, the largest saving first where only so many are wanted."""
    trades = [table.trade(deal, total, reaches=is_met(deal, total)) for deal, total in found if deal != table.deal]
    saving = [trade for trade in trades if trade.change < SMALLEST or trade.reaches]
    return sorted(saving, key=lambda trade: (not trade.reaches, trade.change))[:most]


def _in_all(trade: Trade) -> str:
    price = unit_price(trade.total, trade.deal.gpu_hours)
    return f"{trade.total.amount:,.2f} USD in all, {price:.4f} per GPU-hour"


def _percent(change: Decimal) -> str:
    return f"{change * 100:+.1f} %".replace("-", "−")


def _measure(trade: Trade) -> str:
    return "in all" if trade.compared_by == "total" else "per GPU-hour"
