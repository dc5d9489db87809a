"""What a search keeps between two answers never outlives a change: committed for real, as in production."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from marketplace.capacity import ledger
from marketplace.catalogue.models import Accelerator, Pool, Site
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.supply.models import Projection
from marketplace.units import clock
from marketplace.units.firmness import FIRM
from pricing.curve.actions import solve_prices
from pricing.curve.models import PricePolicy, PriceVersion
from pricing.curve.policies import publish_policy
from pricing.quotes.market import current_market
from pricing.quotes.need import parse_need
from pricing.quotes.offers import Offer
from pricing.quotes.queries import known_names
from pricing.quotes.search import Search, search
from tests.market import DAYS, Market, open_market

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def market() -> Market:
    return open_market()


def ask(market: Market, **changed: object) -> Search:
    need = parse_need(market.need(**changed), today=market.today, known=known_names())
    return change.run(lambda: search(need=need, organisation_id=market.bank.organisation.pk, now=clock.now()))


def offered(market: Market) -> Offer:
    return ask(market).offers[0]


def take(offer: Offer) -> None:
    line = ledger.Line(offer.pool.pk, offer.terms.period, offer.terms.quantity)
    change.run(lambda: ledger.commit(holder="rsv_rival", firmness=FIRM, lines=[line], now=clock.now()))


def test_a_purchase_between_two_searches_makes_the_second_dearer(market: Market) -> None:
    first = offered(market)
    days = len(ask(market).calendar)
    take(first)
    second = ask(market)
    assert second.offers[0].terms.total.amount > first.terms.total.amount
    assert len(second.calendar) == days


def test_the_last_block_is_offered_to_nobody_after_it(market: Market) -> None:
    whole = ask(market, quantity=2048).offers[0]
    take(whole)
    assert ask(market, quantity=8).refusal is not None


def test_a_hold_is_out_of_the_way_at_its_expiry_whoever_is_down(market: Market) -> None:
    now = clock.now()
    line = ledger.Line(market.h100.pk, offered(market).terms.period, 2048)
    change.run(
        lambda: ledger.hold(
            holder="qte_rival", firmness=FIRM, lines=[line], expires_at=now + timedelta(minutes=20), now=now
        )
    )
    one_day = {"from": line.period.start.isoformat(), "to": line.period.start.isoformat()}
    assert ask(market, start=one_day).offers == ()
    with clock.frozen(now + timedelta(minutes=20)):
        assert len(ask(market, start=one_day).offers) == 1


def test_new_limits_are_in_the_next_answer(market: Market) -> None:
    assert len(ask(market, quantity=2048).offers) == 1
    limits = np.repeat(np.array([[1024], [1024], [1024]]), DAYS, axis=1)
    change.run(lambda: ledger.set_limits(pool_id=market.h100.pk, first_day=market.today, limits=limits))
    assert ask(market, quantity=2048).offers == ()
    assert ask(market, quantity=1024).offers[0].terms.quantity == 1024


def test_a_new_price_version_is_in_the_next_answer(market: Market) -> None:
    before = offered(market).terms
    policy = PricePolicy(seller=market.seller.organisation, starts_at=clock.now(), premium_firm=Decimal("0.01"))
    change.run(lambda: publish_policy(policy=policy, by=SYSTEM, now=policy.starts_at))
    assert offered(market).terms.price_version == before.price_version
    version = PriceVersion.objects.latest("pk")
    solved = change.run(
        lambda: solve_prices(
            seller=market.seller.organisation,
            policy=policy,
            projection=version.projection,
            reason="tests",
            now=clock.now(),
        )
    )
    after = offered(market).terms
    assert after.price_version == solved.public_id
    assert after.total.amount < before.total.amount


def test_a_policy_counts_from_the_moment_it_starts(market: Market) -> None:
    now = clock.now()
    policy = PricePolicy(seller=market.seller.organisation, starts_at=now + timedelta(hours=1), offer_minutes=7)
    change.run(lambda: publish_policy(policy=policy, by=SYSTEM, now=now))
    for at, minutes in ((now, 15), (now + timedelta(hours=1), 7)):
        with clock.frozen(at):
            valid = offered(market).terms.valid_until
        assert valid == (at + timedelta(minutes=minutes)).replace(microsecond=0)


def test_a_new_projection_counts_once_it_is_published(market: Market) -> None:
    shown = current_market().projection
    newer = Projection.objects.get()
    newer.pk, newer.public_id, newer.published_at = None, "pjn_newer", None
    newer.save(force_insert=True)
    assert current_market().projection == shown
    Projection.objects.filter(pk=newer.pk).update(published_at=clock.now())
    assert current_market().projection == newer


def test_the_catalogue_is_read_again_when_it_is_edited(market: Market) -> None:
    assert offered(market).pool.lot == 8
    Pool.objects.filter(pk=market.h100.pk).update(lot=100)
    assert offered(market).terms.quantity == 100
    Site.objects.filter(pk=market.h100.site_id).update(jurisdiction="FI")
    assert ask(market, jurisdictions=["FI"]).offers[0].pool.site.jurisdiction == "FI"
    Accelerator.objects.filter(key="h100").update(all_in_kw=Decimal("2.000"))
    assert offered(market).pool.accelerator.all_in_kw == 2


def test_what_did_not_change_is_not_read_again(market: Market) -> None:
    kept = current_market()
    take(offered(market))
    assert current_market() is kept
