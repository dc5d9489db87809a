"""Bundles, ramps and splits: found, priced as one, held all or none, and let go all or none."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.capacity import ledger
from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.capacity.models import CapacityDay, Claim
from marketplace.capacity.queries import differences
from marketplace.catalogue.models import Pool
from marketplace.change import change
from marketplace.outbox.models import Event
from marketplace.supply.models import Project, ProjectOutlook
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.curve.actions import solve_prices
from pricing.curve.models import PricePolicy
from pricing.quotes.actions import (
    ClientReferenceTaken,
    OfferExpired,
    PartOfBundle,
    QuoteClosed,
    QuoteExpired,
    expire_quote,
    release_quote,
)
from pricing.quotes.asked_together import BundleNeed, RampNeed, is_together, parse_together
from pricing.quotes.bundle_offers import BundleOffer
from pricing.quotes.bundles import Bundle
from pricing.quotes.bundling import BundleNotFound, BundlePriceChanged, release_bundle, take_bundle
from pricing.quotes.explain import explain_quote
from pricing.quotes.holds import HoldCooldown, HoldLimit
from pricing.quotes.models import Quote
from pricing.quotes.need import BadNeed, parse_need
from pricing.quotes.offers import OfferInvalid
from pricing.quotes.queries import known_names
from pricing.quotes.ramp_search import answer_ramp
from pricing.quotes.search import Search, search
from pricing.quotes.together import Together, answer_bundle
from tests.holding import rules
from tests.market import (
    GB200_LIMITS,
    H100_LIMITS,
    Market,
    Party,
    block_taken,
    pool,
    project_flat,
)

pytestmark = pytest.mark.django_db


def ask(market: Market, party: Party, body: dict[str, Any]) -> Together:
    asked = parse_together(body, today=market.today, known=known_names())
    answer = answer_bundle if isinstance(asked, BundleNeed) else answer_ramp
    return answer(asked=asked, organisation_id=party.organisation.pk, now=clock.now())  # type: ignore[arg-type]


def offer(market: Market, party: Party, body: dict[str, Any]) -> BundleOffer:
    return ask(market, party, body).offers[0]


def on(day: Any) -> dict[str, str]:
    return {"from": day.isoformat(), "to": day.isoformat()}


def two_blocks(market: Market, **changed: Any) -> dict[str, Any]:
    """Overlapping blocks in one pool, and one in another."""
    return {
        "parts": [
            market.need(start=on(market.day(20)), **changed),
            market.need(start=on(market.day(10)), quantity=128),
            market.need(accelerators=["gb200"], quantity=72, start=on(market.day(10))),
        ]
    }


def ramp(market: Market, *quantities: int, **more: Any) -> dict[str, Any]:
    """Steps 30 days apart, the last for 30 days."""
    steps = [
        {"from": market.day(10 + 30 * number).isoformat(), "quantity": quantity}
        for number, quantity in enumerate(quantities)
    ]
    end = market.day(10 + 30 * len(quantities)).isoformat()
    return {"ramp": {"steps": steps, "end_exclusive": end}, "firmness": "firm", "accelerators": ["h100"], **more}


def take(party: Party, chosen: BundleOffer, **more: Any) -> Bundle:
    by = party.buyer.as_actor(party.organisation.pk)
    return change.run(lambda: take_bundle(offer=chosen.id, organisation=party.organisation, by=by, **more))


def release(party: Party, bundle: Bundle) -> Bundle:
    by = party.buyer.as_actor(party.organisation.pk)
    return change.run(lambda: release_bundle(public_id=bundle.public_id, by=by, organisation_id=party.organisation.pk))


def held() -> int:
    return sum(day.firm_held for day in CapacityDay.objects.all())


def another_like(of: Pool) -> None:
    """A second pool of the same seller, with the same supply and prices."""
    ProjectOutlook.objects.all().delete()
    Project.objects.all().delete()
    second, now = pool(of.seller, of.accelerator.key, "Eastfield", "DE", lot=of.lot), clock.now()
    others = Pool.objects.exclude(pk=second.pk)
    supply = {each: H100_LIMITS if each.pk == of.pk else GB200_LIMITS for each in others}
    projection = project_flat({**supply, second: H100_LIMITS}, now)
    policy = PricePolicy.objects.get()
    solve_prices(seller=of.seller, policy=policy, projection=projection, reason="another hall", now=now)


def divisible(market: Market, party: Party, **changed: Any) -> Search:
    need = parse_need(market.need(divisible=True, **changed), today=market.today, known=known_names())
    return search(need=need, organisation_id=party.organisation.pk, now=clock.now())


# Bundles


def test_parts_in_one_pool_cost_what_they_would_one_after_the_other(market: Market) -> None:
    found = offer(market, market.bank, two_blocks(market))
    assert [part.terms.quantity for part in found.parts] == [64, 128, 72]
    bundle = take(market.bank, found)
    assert bundle.money == found.total
    later, sooner, _ = bundle.quotes
    # The block that starts first is claimed first: the other one finds it there on the days that they share.
    assert later.use == [128] * 20 + [0] * 10
    assert sooner.use == [0] * 30
    assert bundle.list_total == sum(quote.list_total for quote in bundle.quotes)


def test_each_part_is_a_quote_with_a_hold_of_its_own_at_one_expiry(market: Market) -> None:
    bundle = take(market.bank, offer(market, market.bank, two_blocks(market)))
    quotes = bundle.quotes
    assert held() == (64 + 128 + 72) * 30
    assert Claim.objects.filter(status="held", holder__in=[quote.public_id for quote in quotes]).count() == 3
    assert {quote.expires_at for quote in quotes} == {bundle.expires_at}
    assert bundle.state(clock.now()) == "open"
    assert differences() == []
    assert Event.objects.visible_to(market.bank.organisation.pk).filter(name="bundle.created").count() == 1
    assert not Event.objects.visible_to(market.rival.organisation.pk).exists()


def test_a_part_that_is_gone_leaves_nothing_held(market: Market) -> None:
    found = offer(market, market.bank, two_blocks(market))
    block_taken(market.gb200, Period.of(market.day(10), 30), 720)
    with pytest.raises(InsufficientHeadroom) as refused:
        take(market.bank, found)
    assert refused.value.number == 2
    assert set(refused.value.pool_ids) == {market.h100.pk, market.gb200.pk}
    assert (held(), Quote.objects.count(), Bundle.objects.count()) == (0, 0, 0)


def test_a_bundle_that_became_dearer_is_offered_again_and_nothing_is_held(market: Market) -> None:
    found = offer(market, market.bank, two_blocks(market))
    block_taken(market.h100, Period.of(market.day(10), 60), 1000)
    with pytest.raises(BundlePriceChanged) as changed:
        take(market.bank, found)
    assert changed.value.offer.total.amount > found.total.amount
    assert (held(), Bundle.objects.count()) == (0, 0)
    assert take(market.bank, changed.value.offer).money == changed.value.offer.total


def test_a_part_alone_is_neither_released_nor_said_to_be(market: Market) -> None:
    bundle = take(market.bank, offer(market, market.bank, two_blocks(market)))
    part = bundle.quotes[0]
    by = market.bank.buyer.as_actor(market.bank.organisation.pk)
    with pytest.raises(PartOfBundle, match=bundle.public_id):
        release_quote(public_id=part.public_id, by=by, organisation_id=market.bank.organisation.pk)
    assert part.allowed_actions(clock.now()) == []
    assert held() == (64 + 128 + 72) * 30


def test_the_database_itself_refuses_a_part_that_moves_alone(market: Market) -> None:
    bundle = take(market.bank, offer(market, market.bank, two_blocks(market)))
    with pytest.raises(IntegrityError, match="all others or not at all"), transaction.atomic():
        accept_past_every_rule(bundle.quotes[0])
    bundle.total += 1
    with pytest.raises(IntegrityError), transaction.atomic():
        bundle.save()


def accept_past_every_rule(quote: Quote) -> None:
    Quote.objects.filter(pk=quote.pk).update(status="accepted")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_released_bundle_frees_every_part_once(market: Market) -> None:
    bundle = take(market.bank, offer(market, market.bank, two_blocks(market)))
    release(market.bank, bundle)
    assert (held(), differences()) == (0, [])
    assert set(Quote.objects.values_list("status", flat=True)) == {"released"}
    with pytest.raises(QuoteClosed, match="released"):
        release(market.bank, bundle)


def test_a_stranger_hears_that_there_is_no_such_bundle(market: Market) -> None:
    found = offer(market, market.bank, two_blocks(market))
    with pytest.raises(OfferInvalid):
        take(market.rival, found)
    bundle = take(market.bank, found)
    with pytest.raises(BundleNotFound):
        release(market.rival, bundle)
    assert held() == (64 + 128 + 72) * 30


def test_a_bundle_expires_whole_by_the_clock_though_one_part_alone_is_written_down(market: Market) -> None:
    bundle = take(market.bank, offer(market, market.bank, two_blocks(market)))
    with clock.frozen(bundle.expires_at):
        expire_quote(quote_id=bundle.quotes[0].pk)
        fresh = Bundle.objects.with_parts().get()
        assert (fresh.state(clock.now()), fresh.allowed_actions(clock.now())) == ("expired", [])
        with pytest.raises(QuoteExpired):
            release(market.bank, bundle)
        for quote in bundle.quotes[1:]:
            expire_quote(quote_id=quote.pk)
    assert (held(), differences()) == (0, [])


def test_an_offer_of_a_bundle_ends(market: Market) -> None:
    found = offer(market, market.bank, two_blocks(market))
    with clock.frozen(found.valid_until), pytest.raises(OfferExpired):
        take(market.bank, found)
    assert held() == 0


def test_a_client_reference_names_one_bundle(market: Market) -> None:
    found = offer(market, market.bank, two_blocks(market))
    assert take(market.bank, found, client_reference="PO 1").client_reference == "PO 1"
    with pytest.raises(ClientReferenceTaken):
        take(market.bank, offer(market, market.bank, two_blocks(market)), client_reference="PO 1")


def test_volume_is_that_of_all_the_sellers_parts(market: Market) -> None:
    """200 GPUs for 20 days are 96,000 GPU-hours, just below the first step of the volume schedule."""
    body = {"parts": [market.need(quantity=200, duration_days=20, start=on(market.day(d))) for d in (10, 40)]}
    lines = [dict(part.breakdown) for part in offer(market, market.bank, body).parts]
    assert all("term_volume" in each for each in lines)
    alone = search(
        need=parse_need(body["parts"][0], today=market.today, known=known_names()),
        organisation_id=market.bank.organisation.pk,
        now=clock.now(),
    ).offers[0]
    assert "term_volume" not in dict(alone.breakdown)


def test_the_price_of_every_part_can_be_computed_again(market: Market) -> None:
    for body in (two_blocks(market), ramp(market, 64, 256, 128, prepayment_percent=50)):
        bundle = take(market.bank, offer(market, market.bank, body))
        for quote in bundle.quotes:
            assert explain_quote(Quote.objects.with_terms().get(pk=quote.pk)).differences == ()


def test_parts_that_fit_alone_but_not_together_are_placed_side_by_side(market: Market) -> None:
    """The part that may go anywhere makes room for the one that may not."""
    body = {
        "parts": [
            market.need(accelerators=["h100", "gb200"], quantity=648, start=on(market.day(10))),
            market.need(accelerators=["gb200"], quantity=648, start=on(market.day(10))),
        ]
    }
    found = offer(market, market.bank, body)
    assert [part.pool for part in found.parts] == [market.h100, market.gb200]


def test_a_refusal_names_the_part_that_binds_and_what_fits(market: Market) -> None:
    body = {"parts": [market.need(), market.need(quantity=2056)]}
    found = ask(market, market.bank, body)
    assert found.refusal is not None
    assert (found.offers, found.refusal.part, found.refusal.binds) == ((), 1, "part")
    assert found.refusal.detail.startswith("Part 2 of 2 binds. 2,056 GPUs for 30 days as firm do not fit")
    assert found.refusal.alternatives
    for each in found.refusal.alternatives:
        assert ask(market, market.bank, each.asked.as_json()).offers


def test_a_refusal_says_that_a_part_fits_alone_but_not_beside_the_others(market: Market) -> None:
    body = {"parts": [market.need(quantity=1600, start=on(market.day(10))) for _ in range(2)]}
    found = ask(market, market.bank, body)
    assert found.refusal is not None
    assert found.refusal.binds == "together"
    assert "it fits alone, but not beside the others" in found.refusal.detail
    for each in found.refusal.alternatives:
        assert ask(market, market.bank, each.asked.as_json()).offers


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"parts": []}, "/parts"),
        ({"parts": [{}] * 9}, "/parts"),
        ({"parts": [{"quantity": 0}]}, "/parts/0/quantity"),
        ({"parts": [{"relax": True}]}, "/parts/0/relax"),
        ({"parts": [], "ramp": {}}, "/ramp"),
        ({"parts": [{}], "firmness": "firm"}, "/firmness"),
        ({"ramp": []}, "/ramp"),
        ({"ramp": {"steps": []}}, "/ramp/steps"),
        ({"ramp": {"steps": [{"from": "2020-01-01", "quantity": 8}]}}, "/ramp/steps/0/from"),
        ({"ramp": {"steps": [{"from": "2035-01-01", "quantity": True}]}}, "/ramp/steps/0/quantity"),
        ({"ramp": {"steps": [{"from": "2035-01-01", "quantity": 8}], "end_exclusive": "x"}}, "/ramp/end_exclusive"),
        ({"ramp": {}, "quantity": 5}, "/quantity"),
        ({"ramp": {}, "firmness": "iron"}, "/firmness"),
    ],
)
def test_what_makes_no_sense_is_said_where_it_stands(market: Market, body: dict[str, Any], pointer: str) -> None:
    assert is_together(body)
    with pytest.raises(BadNeed) as bad:
        parse_together(body, today=market.today, known=known_names())
    assert pointer in [fault.pointer for fault in bad.value.faults]


# Ramps


def test_a_ramp_is_one_contract_in_layers_in_one_pool(market: Market) -> None:
    found = offer(market, market.bank, ramp(market, 64, 256, 128))
    assert found.kind == "ramp"
    blocks = [(part.terms.quantity, part.terms.period.start, part.terms.period.end) for part in found.parts]
    assert blocks == [
        (64, market.day(10), market.day(100)),
        (64, market.day(40), market.day(100)),
        (128, market.day(40), market.day(70)),
    ]
    assert {part.pool for part in found.parts} == {market.h100}
    # Every layer has the tenor of the contract, 90 days: 3 %, beside nothing else.
    assert all("term_tenor" in dict(part.breakdown) for part in found.parts)
    take(market.bank, found)
    at = {day.day: day.firm_held for day in CapacityDay.objects.filter(pool=market.h100)}
    assert [at[market.day(d)] for d in (9, 10, 39, 40, 69, 70, 99, 100)] == [0, 64, 64, 256, 256, 128, 128, 0]


def test_a_ramp_costs_no_more_than_its_steps_bought_one_by_one(market: Market) -> None:
    whole = offer(market, market.bank, ramp(market, 64, 256)).total.amount
    steps = [
        market.need(quantity=quantity, start=on(market.day(10 + 30 * number)))
        for number, quantity in enumerate((64, 256))
    ]
    alone = Decimal(0)
    for step in steps:
        need = parse_need(step, today=market.today, known=known_names())
        found = search(need=need, organisation_id=market.bank.organisation.pk, now=clock.now())
        alone += found.offers[0].terms.total.amount
    assert whole < alone


def test_a_ramp_that_fits_nowhere_is_told_its_step_and_what_fits(market: Market) -> None:
    block_taken(market.h100, Period.of(market.day(45), 10), 1000)
    found = ask(market, market.bank, ramp(market, 64, 1500))
    assert found.refusal is not None
    assert (found.offers, found.refusal.part, found.refusal.binding.headroom) == ((), 1, 1048)
    assert "Step 2 binds" in found.refusal.detail
    kinds = {each.kind: each.asked for each in found.refusal.alternatives}
    assert set(kinds) == {"fewer", "later"}
    fewer, later = kinds["fewer"], kinds["later"]
    assert isinstance(fewer, RampNeed)
    assert fewer.quantities == (64, 1048)
    assert isinstance(later, RampNeed)
    # The large step must start on day 55, when the block that is in its way has ended.
    assert later.starts[1] == market.day(55)
    for asked in kinds.values():
        assert ask(market, market.bank, asked.as_json()).offers


def test_a_ramp_that_may_be_divided_goes_over_several_pools(market: Market) -> None:
    body = ramp(market, 2048, 2552, accelerators=["h100", "gb200"])
    whole = ask(market, market.bank, body)
    assert whole.refusal is not None
    assert "split" in [each.kind for each in whole.refusal.alternatives]
    found = offer(market, market.bank, body | {"divisible": True})
    assert {part.pool for part in found.parts} == {market.h100, market.gb200}
    bundle = take(market.bank, found)
    assert bundle.kind == "ramp"


# Splits


def test_what_fits_in_no_pool_alone_is_split_over_two(market: Market) -> None:
    found = divisible(market, market.bank, accelerators=[], quantity=2192)
    assert (found.offers, found.refusal) == ((), None)
    split = found.splits[0]
    assert split.kind == "split"
    assert sum(part.terms.quantity for part in split.parts) == 2192
    assert all(part.terms.quantity % part.pool.lot == 0 for part in split.parts)
    assert len({part.terms.period for part in split.parts}) == 1
    assert take(market.bank, split).money == split.total


def test_a_split_is_offered_beside_the_pools_where_it_is_cheaper(market: Market) -> None:
    another_like(market.h100)
    found = divisible(market, market.bank, quantity=1600)
    assert len(found.offers) == 2
    (split,) = found.splits
    assert split.total.amount < found.offers[0].terms.total.amount
    assert sorted(part.terms.quantity for part in split.parts) == [800, 800]


def test_a_gang_is_never_split(market: Market) -> None:
    need = parse_need(market.need(accelerators=[], quantity=2192), today=market.today, known=known_names())
    found = search(need=need, organisation_id=market.bank.organisation.pk, now=clock.now())
    assert (found.offers, found.splits) == ((), ())
    assert found.refusal is not None
    assert "split" in [each.kind for each in found.refusal.alternatives]


def test_of_a_range_as_much_is_filled_as_there_is(market: Market) -> None:
    found = divisible(market, market.bank, accelerators=[], quantity={"min": 2000, "max": 9000})
    assert found.splits[0].wanted == 9000
    assert found.splits[0].quantity == 2048 + 720


def test_more_than_all_pools_have_is_refused_with_the_most_that_they_have(market: Market) -> None:
    found = divisible(market, market.bank, accelerators=[], quantity=9000)
    assert (found.offers, found.splits) == ((), ())
    assert found.refusal is not None
    fewer = found.refusal.alternatives[0].need
    assert fewer.quantity.least == 2048 + 720
    assert divisible(market, market.bank, accelerators=[], quantity=2768).splits


def test_the_sum_of_the_lines_is_the_total_of_every_part(market: Market) -> None:
    bundle = take(market.bank, divisible(market, market.bank, accelerators=[], quantity=2192).splits[0])
    for quote in bundle.quotes:
        assert sum(Decimal(line["amount"]["amount"]) for line in quote.breakdown) == quote.total
    assert sum(quote.total for quote in bundle.quotes) == bundle.total
    assert bundle.expires_at - bundle.created_at == timedelta(minutes=20)


def test_the_whole_bundle_counts_against_what_may_be_held_and_is_named_whole(market: Market) -> None:
    rules(market, hold_limit_gpu_hours=2 * 264 * 30 * 24 - 1)
    bundle = take(market.bank, offer(market, market.bank, two_blocks(market)))
    before = held()
    with pytest.raises(HoldLimit) as refused:
        take(market.bank, offer(market, market.bank, two_blocks(market)))
    assert refused.value.asked == bundle.gpu_hours == 264 * 30 * 24
    assert [each.quote for each in refused.value.release] == [bundle.public_id]
    assert (held(), Bundle.objects.count()) == (before, 1)


def test_a_bundle_that_runs_out_is_one_lapse(market: Market) -> None:
    rules(market, lapses_to_cooldown=2)
    first = take(market.bank, offer(market, market.bank, two_blocks(market)))
    with clock.frozen(first.expires_at):
        second = take(market.bank, offer(market, market.bank, two_blocks(market)))
    with clock.frozen(second.expires_at), pytest.raises(HoldCooldown) as refused:
        take(market.bank, offer(market, market.bank, two_blocks(market)))
    assert refused.value.lapses == 2


def test_claims_of_parts_are_one_call_to_the_ledger(market: Market) -> None:
    """Held in the order of pools and starts, told in the order that was asked for."""
    lines = [ledger.Line(each.pk, Period.of(market.day(d), 5), 8) for each, d in ((market.gb200, 3), (market.h100, 9))]
    found = ledger.hold_all(
        wanted=[ledger.Wanted(f"qte_{number}", "firm", line) for number, line in enumerate(lines)],
        expires_at=clock.now() + timedelta(minutes=5),
        now=clock.now(),
    )
    holders = [Claim.objects.get(pk=each.claim_id).holder for each in found]
    assert holders == ["qte_0", "qte_1"]
    assert (found[1].claim_id < found[0].claim_id) == (market.h100.pk < market.gb200.pk)
