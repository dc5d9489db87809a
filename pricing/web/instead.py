"""What to do when nothing fits, and what would make a fitting block cheaper: each one click away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from marketplace.units.firmness import CHOICES
from marketplace.units.money import Money
from marketplace.web import formats
from marketplace.web.charts.refusal import Refusal as Steps
from marketplace.web.charts.refusal import refusal_steps, refusal_table
from pricing.quotes import alternatives as kinds
from pricing.quotes.alternatives import Alternative
from pricing.quotes.need import Need
from pricing.quotes.refusals import Refusal
from pricing.quotes.relax import BY_GPU_HOUR, BY_H100_HOUR, Relaxation, priced
from pricing.quotes.search import Search
from pricing.web.ask import AskForm

NAMES = dict(CHOICES)
AROUND = timedelta(days=45)  # drawn before and after what was asked for
TITLES = {
    kinds.FEWER: "Fewer",
    kinds.SPLIT: "Split",
    kinds.LATER: "Later",
    kinds.SOONER: "Sooner",
    kinds.SHORTER: "Shorter",
    kinds.LESS_SURE: "Less sure",
    kinds.ELSEWHERE: "Elsewhere",
    kinds.OTHER_ACCELERATOR: "Another accelerator",
    kinds.OTHER_SERVICE: "Another service",
    kinds.ANYTHING: "Anywhere",
}
COMPARED = {BY_GPU_HOUR: "per GPU-hour", BY_H100_HOUR: "per H100-equivalent hour"}


@dataclass(frozen=True)
class Shown:
    """Something that does fit: what it changes, in words, what it costs, and the page that asks for it."""

    title: str
    text: str
    action: str
    href: str
    total: Money | None
    unit_price: Decimal | None


@dataclass(frozen=True)
class Lever:
    """A relaxation that costs less: by how much, and the page that asks for it."""

    title: str
    text: str
    change: float
    href: str
    relaxation: Relaxation


def refused(answer: Search, form: AskForm, now: datetime) -> dict[str, Any]:
    """Why nothing fits, drawn, and the nearest that does with its price."""
    assert answer.refusal is not None
    return {
        "refusal": answer.refusal,
        "need": answer.need,
        "wanted": " or ".join(map(formats.accelerator, answer.need.accelerators)) or "GPUs",
        "one_day": answer.need.start_from == answer.need.start_to,
        "alternatives": list(_shown(answer.refusal.alternatives, answer.need, form, now)),
        **_headroom(answer.need, answer.refusal),
    }


def _shown(found: Sequence[Alternative], asked: Need, form: AskForm, now: datetime) -> list[Shown]:
    blocks = priced([each.need for each in found], now)
    return [
        Shown(
            TITLES[each.kind],
            f"{each.text[0].upper()}{each.text[1:]}.",
            _action(each),
            form.href_of(each.need, asked),
            block.total if block else None,
            block.unit_price if block else None,
        )
        for each, block in zip(found, blocks, strict=True)
    ]


def _action(found: Alternative) -> str:
    """What the button says it does."""
    need = found.need
    if found.kind == kinds.FEWER:
        return f"Use {need.quantity.least:,} GPUs"
    if found.kind in (kinds.LATER, kinds.SOONER):
        return f"Use {formats.day(need.start_from)}"
    if found.kind == kinds.SHORTER:
        return f"Use {need.duration.least:,} days"
    if found.kind == kinds.LESS_SURE:
        return f"Use {need.firmness}"
    if found.kind == kinds.SPLIT:
        return "Split it over pools"
    return "Look everywhere" if found.kind == kinds.ANYTHING else "Drop that wish"


def _headroom(need: Need, refusal: Refusal) -> dict[str, Any]:
    """The steps of what each day still has, from a while before the dates asked for until they fit."""
    end = need.start_to + timedelta(days=need.duration.least)
    later = [each.need for each in refusal.alternatives if each.kind == kinds.LATER]
    whole = [each.start_from for each in later if each.quantity.least >= need.quantity.least]
    until = max([end, *(each.start_from for each in later)]) + AROUND
    pairs = zip(refusal.days, refusal.headroom, strict=True)
    shown = [pair for pair in pairs if need.start_from - AROUND <= pair[0] <= until]
    if not any(most for _, most in shown):
        return {}
    return _chart(need, shown, end, whole[0] if whole else None)


def _chart(need: Need, shown: list[tuple[date, int]], end: date, fits_from: date | None) -> dict[str, Any]:
    steps = Steps(
        [day for day, _ in shown],
        [most for _, most in shown],
        need.quantity.least,
        need.start_from,
        end,
        fits_from,
        f"{NAMES[need.firmness]} headroom",
    )
    return {
        "chart": refusal_steps(steps, title=f"{NAMES[need.firmness]} headroom against the GPUs asked for"),
        "chart_table": refusal_table(steps, caption=f"{need.firmness} headroom of the pool with most"),
    }


def levers(found: Sequence[Relaxation], asked: Need, form: AskForm) -> list[Lever]:
    """What each relaxation is worth on its own against the best offer shown, largest first."""
    return [Lever(each.title, _where(each), float(each.change), form.href_of(each.need, asked), each) for each in found]


def _where(found: Relaxation) -> str:
    block = found.block
    kind, total = formats.accelerator(block.pool.accelerator.key), formats.compact_money(block.total.amount)
    what = f"{formats.count(block.quantity)} {kind} at {block.pool.site.name} from {formats.day(block.start)}, {total}"
    per = COMPARED.get(found.compared_by)
    return f"{what}; less {per}" if per else what
