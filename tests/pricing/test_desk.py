"""Sales answer in the same thread, inside their limits, and never tell what only they know."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplace.catalogue.models import Pool
from marketplace.journal.models import Entry
from marketplace.parties.models import BUYER, Membership
from marketplace.units import clock
from pricing.curve.models import PoolCurve, PriceVersion
from pricing.negotiation import desk
from pricing.negotiation.actions import NegotiationClosed, NegotiationNotFound
from pricing.negotiation.deals import Deal
from pricing.negotiation.desk import BeyondLimit, NotLower, ReasonMissing, TellsFigures
from pricing.negotiation.margins import NegotiationPolicy, SalesLimit, limit_of, walk_away
from pricing.negotiation.models import Negotiation
from pricing.quotes.explain import explain_quote
from pricing.quotes.models import Quote
from tests.bargaining import Table, act, answer, below, counter, offer, set_table
from tests.holding import claim_of
from tests.market import Market

pytestmark = pytest.mark.django_db


@pytest.fixture
def table(market: Market) -> Table:
    return set_table(market)


@pytest.fixture
def insisted(table: Table) -> Negotiation:
    bank = table.market.bank
    return act("insist", counter(table.quote, bank, total=below(table.quote, 20)), bank, sentence="Please.")


def seen(negotiation: Negotiation) -> list[Any]:
    return list(negotiation.steps.values_list("verb", "sentence", "quote_id"))


def test_a_lower_price_for_the_same_block_is_a_new_quote_that_adds_up_and_keeps_the_hold(
    table: Table, insisted: Negotiation
) -> None:
    total = below(table.quote, 4)
    old = Quote.objects.get(pk=table.quote.pk)
    found = offer(insisted, table.sales, total)
    made = found.quote
    granted = table.quote.total - total
    assert (made.total, made.concession, made.replaces_id) == (total, granted, table.quote.pk)
    assert made.breakdown[-1] == {"code": "negotiated", "amount": {"amount": f"-{granted}", "currency": "USD"}}
    assert sum(Decimal(line["amount"]["amount"]) for line in made.breakdown) == total
    assert explain_quote(made).matches
    assert (made.claim_id, made.expires_at) == (old.claim_id, old.expires_at)
    assert found.status == "open"
    assert claim_of(made).holder == made.public_id


def test_other_terms_are_put_before_the_buyer_who_takes_them(table: Table, insisted: Negotiation) -> None:
    market = table.market
    start = market.day(40)
    published = desk.figures(
        quote=table.quote, deal=Deal.of(table.quote).starting(start), now=clock.now()
    ).published.amount
    total = (published * Decimal("0.96")).quantize(Decimal("0.01"))
    found = offer(insisted, table.sales, total, start=start)
    assert Quote.objects.get(pk=table.quote.pk).status == "open"
    step = found.steps.last()
    assert step is not None
    taken = act("take", found, market.bank, trade=step.trades[0]["id"]).quote
    assert (taken.total, taken.start, taken.concession) == (total, start, published - total)
    assert explain_quote(taken).matches


def test_beyond_the_limit_nothing_happens_and_who_may_is_named(table: Table, insisted: Negotiation) -> None:
    before = seen(insisted)
    with pytest.raises(BeyondLimit) as refused:
        offer(insisted, table.sales, below(table.quote, 6))
    assert refused.value.who == ("Lead",)
    assert "you may grant 5.00 %" in str(refused.value)
    assert seen(insisted) == before
    assert Quote.objects.get(pk=table.quote.pk).status == "open"
    assert offer(insisted, table.lead, below(table.quote, 6)).quote.total == below(table.quote, 6)


def test_below_the_walk_away_price_only_who_may(table: Table, insisted: Negotiation) -> None:
    figures = desk.figures(quote=table.quote, deal=Deal.of(table.quote), now=clock.now())
    least = figures.walk_away.least.amount
    with pytest.raises(BeyondLimit) as refused:
        offer(insisted, table.lead, least - Decimal("0.01"))
    assert refused.value.who == ()
    assert "walk-away" in str(refused.value)
    SalesLimit.objects.filter(user=table.lead).update(below_walk_away=True)
    assert offer(insisted, table.lead, least - Decimal("0.01")).quote.total == least - Decimal("0.01")


def test_without_a_limit_of_their_own_or_their_groups_staff_grant_nothing(table: Table, insisted: Negotiation) -> None:
    table.sales.groups.clear()
    assert limit_of(table.sales) is None
    with pytest.raises(BeyondLimit) as refused:
        offer(insisted, table.sales, below(table.quote, 1))
    assert "you have no limit" in str(refused.value)


def test_the_walk_away_price_is_the_bid_price_and_a_margin(table: Table) -> None:
    """1.29 floor (0.09 energy, 1.20 capital) and a dual of 0.25 on each of 10 days, 64 GPUs, 24 hours; 3 % on top."""
    version = PriceVersion.objects.get(seller=table.market.seller.organisation)
    curve = PoolCurve.objects.get(version=version)
    version.pk, version.public_id = None, "prv_next"
    version.save()
    curve.pk, curve.version, curve.dual = None, version, [[0.25] * len(row) for row in curve.dual]
    curve.save()
    pool: Pool = table.market.h100
    found = walk_away(deal=Deal.of(table.quote), pool_id=pool.pk, seller=pool.seller, now=clock.now())
    assert (found.floor.amount, found.bid.amount) == (Decimal("19814.40"), Decimal("23654.40"))
    assert found.least.amount == Decimal("24364.04")  # 24,364.032, rounded up


def test_an_offer_must_be_lower_than_what_the_buyer_has(table: Table, insisted: Negotiation) -> None:
    with pytest.raises(NotLower):
        offer(insisted, table.sales, table.quote.total)
    granted = offer(insisted, table.sales, below(table.quote, 3))
    with pytest.raises(NotLower):
        offer(granted, table.sales, below(table.quote, 2))


def test_a_refusal_is_one_of_the_published_sentences_without_a_figure(table: Table, insisted: Negotiation) -> None:
    with pytest.raises(ReasonMissing):
        answer("decline", insisted, table.sales, reason="price", note="no")
    with pytest.raises(ReasonMissing):
        answer("decline", insisted, table.sales, reason="mood", note="They always ask for more.")
    note = "Walk-away is 20,408.84 USD; they want 20 % off."
    found = answer("decline", insisted, table.sales, reason="price", note=note)
    step = found.steps.last()
    assert step is not None
    assert (step.sentence, step.note) == (desk.REASONS["price"], note)
    assert not any(letter.isdigit() for sentence in desk.REASONS.values() for letter in sentence)
    assert Entry.objects.get(subject=found.public_id, verb="negotiation.declined").reason == note
    assert found.status == "open"


@pytest.mark.parametrize(
    "sentence",
    [
        "We cannot go below 20,408.84.",
        "We cannot go below 1.3287 an hour.",
        "Our bid price is 19814.40 USD",
        "That is under our walk-away price.",
        "Our margin is thin.",
    ],
)
def test_no_sentence_to_the_buyer_tells_what_only_staff_know(
    table: Table, insisted: Negotiation, sentence: str
) -> None:
    before = seen(insisted)
    with pytest.raises(TellsFigures):
        offer(insisted, table.sales, below(table.quote, 3), sentence=sentence)
    with pytest.raises(TellsFigures):
        answer("ask", insisted, table.sales, sentence=sentence)
    assert seen(insisted) == before


def test_sales_ask_and_the_buyer_replies(table: Table, insisted: Negotiation) -> None:
    bank = table.market.bank
    found = answer("ask", insisted, table.sales, sentence="Would 128 GPUs help you?")
    assert found.status == "open"
    again = act("reply", found, bank, sentence="They would.")
    assert again.status == "with_sales"
    assert [step.verb for step in again.steps.all()][-2:] == ["asked", "replied"]


def test_when_the_quote_is_over_so_is_the_thread(table: Table, insisted: Negotiation) -> None:
    quote = Quote.objects.get(pk=table.quote.pk)
    with clock.frozen(quote.expires_at + timedelta(seconds=1)), pytest.raises(NegotiationClosed):
        offer(insisted, table.sales, below(table.quote, 3))


def test_a_sellers_own_staff_see_their_own_threads_alone(table: Table, insisted: Negotiation) -> None:
    market = table.market
    Membership.objects.create(user=table.sales, organisation=market.other_seller.organisation, role=BUYER)
    assert not Negotiation.objects.for_staff(table.sales).exists()
    with pytest.raises(NegotiationNotFound):
        offer(insisted, table.sales, below(table.quote, 3))
    Membership.objects.create(user=table.sales, organisation=market.seller.organisation, role=BUYER)
    assert Negotiation.objects.for_staff(table.sales).get() == insisted


def test_the_newest_policy_of_the_seller_goes_before_the_markets(table: Table) -> None:
    now = clock.now()
    seller = table.market.seller.organisation
    assert NegotiationPolicy.objects.in_force(seller, now).margin_percent == 3
    NegotiationPolicy.objects.create(seller=seller, version=1, starts_at=now, published_by="t", margin_percent=7)
    assert NegotiationPolicy.objects.in_force(seller, now).margin_percent == 7
    assert NegotiationPolicy.objects.in_force(table.market.other_seller.organisation, now).margin_percent == 3
