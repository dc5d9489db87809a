"""A negotiation in the market of tests/market.py: a quote with scarcity in its price, and who talks about it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group

from marketplace.change import change
from marketplace.parties.models import User
from marketplace.parties.staff_roles import SALES, ensure_staff_groups
from marketplace.units import clock
from marketplace.units.money import Money
from marketplace.units.period import Period
from pricing.negotiation import actions, desk
from pricing.negotiation.counters import Wish
from pricing.negotiation.deals import Deal
from pricing.negotiation.margins import NegotiationPolicy, SalesLimit
from pricing.negotiation.models import Negotiation
from pricing.quotes.models import Quote
from tests.holding import held
from tests.market import PASSWORD, Market, Party, block_taken

BUSY_DAYS = 30  # from today: most of the pool is sold until then


@dataclass(frozen=True)
class Table:
    """A quote for busy days, and the people around it."""

    market: Market
    quote: Quote
    sales: User
    lead: User


def set_table(market: Market, *, margin: str = "3", **need: Any) -> Table:
    """The pool is nearly full for a month, so that later is cheaper; the bank has a quote in that month."""
    block_taken(market.h100, Period(market.today, market.day(BUSY_DAYS)), 1536)
    NegotiationPolicy.objects.create(
        version=1, starts_at=clock.now(), published_by="tests", margin_percent=Decimal(margin)
    )
    groups = ensure_staff_groups()
    SalesLimit.objects.create(group=groups[SALES], most_discount_percent=Decimal(5))
    lead = staff("lead", groups[SALES])
    SalesLimit.objects.create(user=lead, most_discount_percent=Decimal(60))
    days = {"duration_days": 10, "start": {"from": market.day(5).isoformat(), "to": market.day(5).isoformat()}}
    quote = held(market, market.bank, **{**days, **need})
    return Table(market, quote, staff("sales", groups[SALES]), lead)


def staff(name: str, group: Group) -> User:
    user = User.objects.create_user(f"{name}@headroom.test", PASSWORD, name=name.title(), is_staff=True)
    user.groups.set([group])
    return user


def counter(quote: Quote, party: Party, **wish: Any) -> Negotiation:
    by = party.buyer.as_actor(party.organisation.pk)
    return change.run(
        lambda: actions.counter_quote(
            public_id=quote.public_id, wish=Wish(**wish), by=by, organisation_id=party.organisation.pk
        )
    )


def act(verb: str, negotiation: Negotiation, party: Party, **more: Any) -> Negotiation:
    """A buyer's verb: insist, take, reply or withdraw."""
    by = party.buyer.as_actor(party.organisation.pk)
    action = getattr(actions, verb)
    return change.run(
        lambda: action(public_id=negotiation.public_id, by=by, organisation_id=party.organisation.pk, **more)
    )


def answer(verb: str, negotiation: Negotiation, staff: User, **more: Any) -> Negotiation:
    """A verb of sales: offer, decline or ask."""
    action = getattr(desk, verb)
    return change.run(lambda: action(public_id=negotiation.public_id, by=staff.as_actor(None), staff=staff, **more))


def trades(negotiation: Negotiation) -> list[dict[str, Any]]:
    """What the last step offers."""
    last = negotiation.steps.last()
    assert last is not None
    return list(last.trades)


def below(quote: Quote, percent: int) -> Decimal:
    """The quote's total, so many percent lower."""
    return (quote.total * (100 - percent) / 100).quantize(Decimal("0.01"))


def offer(negotiation: Negotiation, staff: User, total: Decimal, **changed: Any) -> Negotiation:
    """Sales offer the block on the table, with these changes, at that total."""
    quote = Quote.objects.get(pk=negotiation.quote_id)
    start: date = changed.pop("start", quote.start)
    deal = Deal(
        quantity=changed.pop("quantity", quote.quantity),
        period=Period.of(start, changed.pop("days", quote.period.days)),
        firmness=changed.pop("firmness", quote.firmness),
        prepayment=changed.pop("prepayment", quote.prepayment_percent),
    )
    sentence = changed.pop("sentence", "We can do this for you.")
    return answer("offer", negotiation, staff, deal=deal, total=Money(total), sentence=sentence, **changed)
