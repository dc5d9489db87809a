"""A buyer counters; the engine concedes only against something given, at the published rates; sales answer the rest."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.capacity.models import Claim
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.models import Entry
from marketplace.outbox.models import Event
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.demand.models import Enquiry
from pricing.negotiation.actions import (
    NegotiationClosed,
    NegotiationNotFound,
    NothingAsked,
    NothingToInsist,
    SentenceMissing,
    TradeGone,
    WithSales,
)
from pricing.negotiation.counters import BadCounter
from pricing.negotiation.models import Negotiation, Step
from pricing.quotes.actions import (
    PriceChanged,
    QuoteClosed,
    QuoteExpired,
    QuoteNotFound,
    release_quote,
    take_quote,
)
from pricing.quotes.explain import explain_quote
from pricing.quotes.holds import HoldLimit
from pricing.quotes.models import Quote
from tests.bargaining import Table, act, below, counter, set_table, trades
from tests.holding import claim_of, held, offered, rules
from tests.market import Market, block_taken

pytestmark = pytest.mark.django_db


@pytest.fixture
def table(market: Market) -> Table:
    return set_table(market)


def last(negotiation: Negotiation) -> Step:
    found = negotiation.steps.last()
    assert found is not None
    return found


def by_term(negotiation: Negotiation) -> dict[str, dict[str, Any]]:
    return {"+".join(each["gives"]): each for each in trades(negotiation)}


def test_a_bare_lower_price_is_answered_with_trades_and_not_with_a_lower_price(table: Table) -> None:
    found = counter(table.quote, table.market.bank, total=below(table.quote, 2))
    quote = Quote.objects.get(pk=table.quote.pk)
    assert (quote.status, quote.total, found.quote_id) == ("open", table.quote.total, quote.pk)
    assert [(step.side, step.verb) for step in found.steps.all()] == [("buyer", "countered"), ("engine", "answered")]
    offers = by_term(found)
    assert {"start", "prepayment_percent", "firmness", "duration_days", "quantity"} == set(offers)
    assert offers["prepayment_percent"]["change_percent"] == "-2.0"
    assert offers["prepayment_percent"]["title"] == "Pay 50 % up front"
    assert offers["start"]["reaches"]
    assert "Start 17 days later" in offers["start"]["title"]


@pytest.mark.parametrize("term", ["start", "prepayment_percent", "firmness", "duration_days", "quantity"])
def test_every_trade_costs_what_the_same_block_costs_in_a_search(table: Table, term: str) -> None:
    """Nothing is invented: the price of a trade is the published one, to the cent, and taking it makes it the quote."""
    bank = table.market.bank
    trade = by_term(counter(table.quote, bank, total=below(table.quote, 2)))[term]
    terms = trade["terms"]
    taken = act("take", Negotiation.objects.get(), bank, trade=trade["id"]).quote
    assert str(taken.total) == trade["total"]["amount"]
    assert sum(Decimal(line["amount"]["amount"]) for line in taken.breakdown) == taken.total
    assert explain_quote(taken).matches
    by = bank.buyer.as_actor(bank.organisation.pk)
    change.run(lambda: release_quote(public_id=taken.public_id, by=by, organisation_id=bank.organisation.pk))
    days = (taken.end - taken.start).days
    searched = offered(
        table.market,
        bank,
        quantity=terms["quantity"],
        duration_days=days,
        start={"from": terms["start"], "to": terms["start"]},
        firmness=terms["firmness"],
        prepayment_percent=terms["prepayment_percent"],
    )
    assert searched.terms.total == taken.money


def test_where_no_single_trade_reaches_the_price_pairs_are_tried(table: Table) -> None:
    market = table.market
    block_taken(market.h100, Period(market.day(30), market.day(300)), 1536)
    wanted = Decimal("1.30")
    found = trades(counter(table.quote, market.bank, unit_price=wanted))
    pairs = [each for each in found if len(each["gives"]) == 2]
    assert ["firmness", "prepayment_percent"] in [each["gives"] for each in pairs if each["reaches"]]
    assert all((Decimal(each["unit_price"]) <= wanted) == each["reaches"] for each in found)
    assert not any(each["reaches"] for each in found if len(each["gives"]) == 1)
    assert [each["reaches"] for each in found] == sorted((each["reaches"] for each in found), reverse=True)


def test_given_enough_the_engine_agrees_at_the_published_price_and_the_hold_is_never_lost(table: Table) -> None:
    market, old = table.market, table.quote
    wanted = below(old, 10)
    found = counter(old, market.bank, start=market.day(33), prepayment_percent=50, total=wanted)
    made = found.quote
    assert last(found).verb == "granted"
    assert made.total <= wanted
    assert (made.start, made.prepayment_percent, made.replaces) == (market.day(33), 50, old)
    assert Quote.objects.get(pk=old.pk).status == "replaced"
    claims = {claim.pk: (claim.status, claim.holder) for claim in Claim.objects.filter(holder__startswith="qte_")}
    assert claims[made.claim_id or 0] == ("held", made.public_id)
    assert claims[old.claim_id or 0][0] == "released"
    assert differences() == []
    assert made.concession == 0
    assert explain_quote(made).matches


def test_terms_alone_are_answered_with_their_published_price_to_take(table: Table) -> None:
    market = table.market
    found = counter(table.quote, market.bank, start=market.day(33))
    (trade,) = trades(found)
    assert Quote.objects.get(pk=table.quote.pk).status == "open"
    assert trade["gives"] == ["start"]
    assert trade["change_percent"] in last(found).sentence.replace("−", "-")
    taken = act("take", found, market.bank, trade=trade["id"])
    assert (taken.quote.start, str(taken.quote.total)) == (market.day(33), trade["total"]["amount"])


def test_the_same_block_keeps_its_hold_and_its_expiry_when_it_is_paid_up_front(table: Table) -> None:
    market, old = table.market, table.quote
    trade = by_term(counter(old, market.bank, total=below(old, 2)))["prepayment_percent"]
    made = act("take", Negotiation.objects.get(), market.bank, trade=trade["id"]).quote
    assert (made.claim_id, made.expires_at, made.use, made.price_version_id) == (
        old.claim_id, old.expires_at, old.use, old.price_version_id,
    )  # fmt: skip
    assert claim_of(made).holder == made.public_id
    assert made.list_total == old.list_total
    with clock.frozen(made.expires_at):
        assert made.state(clock.now()) == "expired"


def test_a_client_reference_and_the_wish_go_on_with_the_new_quote(market: Market) -> None:
    table = set_table(market)
    bank, by = market.bank, market.bank.buyer.as_actor(market.bank.organisation.pk)
    offer = offered(market, bank).id
    quote = change.run(lambda: take_quote(offer=offer, organisation=bank.organisation, by=by, client_reference="job 7"))
    found = counter(quote, bank, prepayment_percent=100)
    made = act("take", found, bank, trade=trades(found)[0]["id"]).quote
    assert made.client_reference == "job 7"
    enquiry = Enquiry.objects.get(quote=made.public_id)
    assert (enquiry.outcome, enquiry.ended_at) == ("quoted", None)
    assert not Enquiry.objects.filter(quote=quote.public_id).exists()
    assert table.quote.status == "open"


def test_a_trade_that_became_dearer_moves_nothing(table: Table) -> None:
    market, old = table.market, table.quote
    trade = by_term(counter(old, market.bank, total=below(old, 2)))["start"]
    block_taken(market.h100, Period(market.day(30), market.day(60)), 1536)
    with pytest.raises(PriceChanged):
        act("take", Negotiation.objects.get(), market.bank, trade=trade["id"])
    kept = Quote.objects.get(pk=old.pk)
    assert (kept.status, claim_of(old).status) == ("open", "held")
    assert differences() == []


def test_a_trade_that_no_longer_fits_leaves_the_hold_as_it_was(table: Table) -> None:
    market, old = table.market, table.quote
    trade = by_term(counter(old, market.bank, total=below(old, 2)))["start"]
    block_taken(market.h100, Period(market.day(30), market.day(60)), 2040)
    with pytest.raises(InsufficientHeadroom):
        act("take", Negotiation.objects.get(), market.bank, trade=trade["id"])
    assert Quote.objects.get(pk=old.pk).status == "open"
    assert claim_of(old).status == "held"


def test_more_gpus_than_may_be_held_are_refused_and_the_quote_stands(table: Table) -> None:
    market, old = table.market, table.quote
    rules(market, hold_limit_gpu_hours=old.gpu_hours)
    found = counter(old, market.bank, quantity=128)
    with pytest.raises(HoldLimit):
        act("take", found, market.bank, trade=trades(found)[0]["id"])
    assert Quote.objects.get(pk=old.pk).status == "open"
    same = counter(old, market.bank, start=market.day(33))
    assert act("take", same, market.bank, trade=trades(same)[0]["id"]).quote.quantity == 64


@pytest.mark.parametrize(
    ("wish", "pointer", "code"),
    [
        ({}, "", "nothing_changed"),
        ({"quantity": 64}, "", "nothing_changed"),
        ({"quantity": 65}, "/quantity", "off_lot"),
        ({"quantity": 0}, "/quantity", "off_lot"),
        ({"duration_days": 0}, "/duration_days", "invalid"),
        ({"firmness": "sure"}, "/firmness", "invalid"),
        ({"prepayment_percent": 101}, "/prepayment_percent", "invalid"),
        ({"unit_price": Decimal("1.2")}, "/unit_price", "below_floor"),
        ({"unit_price": Decimal("9")}, "/unit_price", "not_lower"),
        ({"total": Decimal("0")}, "/total", "invalid"),
        ({"total": Decimal("20000.001")}, "/total", "invalid"),
        ({"total": Decimal("NaN")}, "/total", "invalid"),
        ({"total": Decimal(20000), "unit_price": Decimal("1.4")}, "/unit_price", "invalid"),
    ],
)
def test_a_counter_offer_that_makes_no_sense_says_what_would(
    table: Table, wish: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(BadCounter) as bad:
        counter(table.quote, table.market.bank, **wish)
    assert [(fault.pointer, fault.code) for fault in bad.value.faults] == [(pointer, code)]
    assert not Negotiation.objects.exists()


def test_what_does_not_fit_is_answered_with_the_nearest_start_at_which_it_does(table: Table) -> None:
    market = table.market
    found = counter(table.quote, market.bank, quantity=1024)
    assert last(found).sentence.startswith("That does not fit.")
    (trade,) = trades(found)
    assert trade["terms"]["start"] == market.day(30).isoformat()


def test_only_the_owner_of_an_open_quote_negotiates(table: Table) -> None:
    with pytest.raises(QuoteNotFound):
        counter(table.quote, table.market.rival, total=below(table.quote, 2))
    found = counter(table.quote, table.market.bank, total=below(table.quote, 2))
    for verb, more in (("insist", {"sentence": ""}), ("take", {"trade": "trd_x"}), ("withdraw", {})):
        with pytest.raises(NegotiationNotFound):
            act(verb, found, table.market.rival, **more)
    with clock.frozen(table.quote.expires_at):
        with pytest.raises(QuoteExpired):
            counter(table.quote, table.market.bank, total=below(table.quote, 3))
        with pytest.raises(NegotiationClosed) as closed:
            act("insist", found, table.market.bank, sentence="")
        assert closed.value.state == "lapsed"
        assert Negotiation.objects.get().state(clock.now()) == "lapsed"
    assert found.steps.count() == 2


def test_an_older_trade_and_a_replaced_quote_are_gone(table: Table) -> None:
    bank = table.market.bank
    first = trades(counter(table.quote, bank, total=below(table.quote, 2)))[0]
    found = counter(table.quote, bank, total=below(table.quote, 3))
    with pytest.raises(TradeGone):
        act("take", found, bank, trade=first["id"])
    newer = trades(found)[0]
    act("take", found, bank, trade=newer["id"])
    with pytest.raises(TradeGone):
        act("take", found, bank, trade=newer["id"])
    with pytest.raises(QuoteClosed) as closed:
        counter(table.quote, bank, total=below(table.quote, 3))
    assert closed.value.status == "replaced"


def test_a_buyer_who_insists_goes_to_sales_and_the_hold_is_kept_once(table: Table) -> None:
    bank = table.market.bank
    with pytest.raises(NothingToInsist):
        act("insist", counter(table.quote, bank, start=table.market.day(33)), bank, sentence="")
    found = counter(table.quote, bank, total=below(table.quote, 20))
    act("insist", found, bank, sentence="We would take the month after it, too.")
    quote, again = Quote.objects.get(pk=table.quote.pk), Negotiation.objects.get()
    assert again.status == "with_sales"
    assert quote.expires_at - clock.now() > timedelta(minutes=110)
    assert claim_of(quote).expires_at == quote.expires_at
    with pytest.raises(WithSales):
        act("insist", found, bank, sentence="")
    with pytest.raises(WithSales):
        counter(table.quote, bank, total=below(table.quote, 21))


def test_a_reply_needs_a_question_and_words(table: Table) -> None:
    bank = table.market.bank
    found = counter(table.quote, bank, total=below(table.quote, 20))
    with pytest.raises(NothingAsked):
        act("reply", found, bank, sentence="Yes.")
    with pytest.raises(SentenceMissing):
        act("reply", found, bank, sentence="  ")


def test_withdrawing_ends_the_thread_and_the_quote_stands_unless_it_is_released(table: Table) -> None:
    bank = table.market.bank
    found = counter(table.quote, bank, total=below(table.quote, 20))
    act("withdraw", found, bank)
    assert Quote.objects.get(pk=table.quote.pk).status == "open"
    with pytest.raises(NegotiationClosed):
        act("withdraw", found, bank)
    other = held(table.market, bank)
    second = counter(other, bank, prepayment_percent=50)
    act("withdraw", second, bank, release=True)
    assert Quote.objects.get(pk=other.pk).status == "released"


def test_every_step_is_kept_journalled_told_and_never_rewritten(table: Table) -> None:
    found = counter(table.quote, table.market.bank, total=below(table.quote, 2), sentence="A little less, please.")
    subject = found.public_id
    assert list(Entry.objects.filter(subject=subject).order_by("pk").values_list("verb", flat=True)) == [
        "negotiation.countered", "negotiation.answered",
    ]  # fmt: skip
    assert Event.objects.filter(subject=subject, organisation_id=found.organisation_id).count() == 2
    step = found.steps.get(number=1)
    assert (step.sentence, step.before["total"]["amount"]) == ("A little less, please.", str(table.quote.total))
    with pytest.raises(IntegrityError), transaction.atomic():
        Step.objects.filter(pk=step.pk).update(sentence="Never said.")
    with pytest.raises(IntegrityError), transaction.atomic():
        step.delete()


def test_a_counter_costs_few_queries(table: Table, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(24):
        counter(table.quote, table.market.bank, total=below(table.quote, 20))
