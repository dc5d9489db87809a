"""What to do when nothing fits, and what would make a fitting block cheaper: each one click away."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from marketplace.units.firmness import CHOICES, FIRMNESS, rank
from marketplace.units.money import Money
from marketplace.web import formats
from marketplace.web.charts.refusal import Refusal, refusal_steps, refusal_table
from pricing.quotes.need import Need
from pricing.quotes.offers import Offer
from pricing.quotes.search import Search, search
from pricing.web.ask import PREPAY, AskForm

NAMES = dict(CHOICES)
AROUND = timedelta(days=45)  # drawn before and after what was asked for


@dataclass(frozen=True)
class Asker:
    """For whom and as of when further needs are priced."""

    organisation_id: int
    now: datetime

    def cheapest(self, need: Need) -> Offer | None:
        offers = search(need=need, organisation_id=self.organisation_id, now=self.now).offers
        return offers[0] if offers else None


@dataclass(frozen=True)
class Alternative:
    """Something that does fit: what it changes, in words, what it costs, and the page that asks for it."""

    title: str
    text: str
    action: str
    href: str
    total: Money | None = None
    unit_price: Decimal | None = None


@dataclass(frozen=True)
class Lever:
    """A relaxation that costs less: by how much, and the page that asks for it."""

    title: str
    text: str
    change: float
    href: str


def refused(answer: Search, form: AskForm, asker: Asker) -> dict[str, Any]:
    """Why nothing fits, drawn, and the nearest that does with its price."""
    assert answer.refusal is not None
    nearest = [_priced(need, _alternative(answer.need, need, form), asker) for need in answer.refusal.nearest]
    most = next((need.quantity.least for need in answer.refusal.nearest if _only_fewer(answer.need, need)), 0)
    return {
        "refusal": answer.refusal,
        "need": answer.need,
        "wanted": " or ".join(map(formats.accelerator, answer.need.accelerators)) or "GPUs",
        "one_day": answer.need.start_from == answer.need.start_to,
        "most": most,
        "alternatives": nearest,
        **_headroom(answer.need, answer.refusal.nearest, answer.refusal.days, answer.refusal.headroom),
    }


def _only_fewer(asked: Need, need: Need) -> bool:
    return need.quantity != asked.quantity and need.start_from == asked.start_from and need.firmness == asked.firmness


def _priced(need: Need, shown: Alternative, asker: Asker) -> Alternative:
    offer = asker.cheapest(need)
    return replace(shown, total=offer.terms.total, unit_price=offer.unit_price) if offer else shown


def _alternative(asked: Need, need: Need, form: AskForm) -> Alternative:
    quantity = formats.count(need.quantity.least)
    if need.firmness != asked.firmness:
        text = f"All {quantity}, sold as {need.firmness}: less sure to be on time."
        return Alternative("Less sure", text, f"Use {need.firmness}", form.href(firmness=need.firmness))
    if need.quantity != asked.quantity:
        text = f"{quantity} GPUs, the most that fit in your dates."
        return Alternative("Fewer", text, f"Use {quantity} GPUs", form.href(quantity=need.quantity.least))
    if need.start_from != asked.start_from:
        day = formats.day(need.start_from)
        title = "Later" if need.start_from > asked.start_to else "Sooner"
        href = form.href(start=need.start_from.isoformat(), flexibility=0)
        return Alternative(title, f"All {quantity} from {day}.", f"Use {day}", href)
    text = f"All {quantity}, on any accelerator in any country."
    return Alternative("Elsewhere", text, "Look everywhere", form.href(accelerator="", where=""))


def _headroom(
    need: Need, nearest: tuple[Need, ...], days: tuple[date, ...], headroom: tuple[int, ...]
) -> dict[str, Any]:
    """The steps of what each day still has, from a while before the dates asked for until they fit."""
    end = need.start_to + timedelta(days=need.duration.least)
    later = [other.start_from for other in nearest if other.start_from > need.start_to]
    until = max([end, *later]) + AROUND
    shown = [pair for pair in zip(days, headroom, strict=True) if need.start_from - AROUND <= pair[0] <= until]
    if not any(most for _, most in shown):
        return {}
    steps = Refusal(
        [day for day, _ in shown],
        [most for _, most in shown],
        need.quantity.least,
        need.start_from,
        end,
        later[0] if later else None,
        f"{NAMES[need.firmness]} headroom",
    )
    return {
        "chart": refusal_steps(steps, title=f"{NAMES[need.firmness]} headroom against the GPUs asked for"),
        "chart_table": refusal_table(steps, caption=f"{need.firmness} headroom of the pool with most"),
    }


def levers(need: Need, base: Offer, form: AskForm, asker: Asker) -> list[Lever]:
    """What each relaxation is worth on its own against the offer shown, largest first; dearer ones are left out."""
    found = []
    for title, wider, href in _relaxations(need, form, asker):
        offer = asker.cheapest(wider)
        if offer and offer.terms.total.amount < base.terms.total.amount:
            change = float(offer.terms.total.amount / base.terms.total.amount - 1)
            text = f"{formats.promise(offer.delivery_confidence)} on-time odds, {offer.pool.site.name}"
            found.append(Lever(title, text, change, href))
    return sorted(found, key=lambda lever: lever.change)


def _relaxations(need: Need, form: AskForm, asker: Asker) -> Iterator[tuple[str, Need, str]]:
    for firmness in FIRMNESS[rank(need.firmness) + 1 :]:
        title = f"Take {firmness} instead of {need.firmness}"
        yield title, replace(need, firmness=firmness), form.href(firmness=firmness)
    if not need.prepayment:
        for percent, name in PREPAY[1:]:
            yield f"Pay {name} up front", replace(need, prepayment=percent), form.href(prepay=percent)
    if need.jurisdictions:
        yield "Take any country", replace(need, jurisdictions=()), form.href(where="")
    if need.start_from == need.start_to and form.cleaned_data["flexibility"] == 0:
        early = max(need.start_from - timedelta(days=7), asker.now.date() + timedelta(days=1))
        wider = replace(need, start_from=early, start_to=need.start_to + timedelta(days=7))
        yield "Start within a week of it", wider, form.href(flexibility=7)
