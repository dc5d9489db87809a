"""Policies, price versions and explanations over REST: public rules for all, private figures for their seller alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from marketplace.journal.actor import SYSTEM
from marketplace.units import clock
from pricing.curve.models import PricePolicy
from pricing.curve.policies import publish_policy
from tests.contracts.conftest import Caller, calls_of
from tests.market import Market
from tests.pricing.test_continuity import forecast, solve


def published(**changed: Any) -> PricePolicy:
    policy = PricePolicy(**{"starts_at": clock.now() + timedelta(minutes=1), **changed})
    return publish_policy(policy=policy, by=SYSTEM, now=clock.now())


def test_a_quotes_price_is_explained_step_by_step(market: Market, bank: Caller) -> None:
    offer = bank.offer(market, prepayment_percent=100)
    quote = bank.post("/quotes", {"offer": offer["id"]}).json()
    found = bank.get(f"/quotes/{quote['id']}/price").json()
    assert (found["object"], found["quote"], found["matches"]) == ("price_explanation", quote["id"], True)
    assert found["total"] == found["stored_total"] == quote["total"]
    assert sum(Decimal(day["list_amount"]["amount"]) for day in found["days"]) == Decimal(quote["list_total"]["amount"])
    assert found["breakdown"] == quote["breakdown"]
    rates = {term["code"]: Decimal(term["rate_percent"]) for term in found["terms"]}
    assert [rates["term_prepayment"], rates["term_tenor"]] == [Decimal(4), Decimal(1)]
    off = sum(Decimal(term["amount"]["amount"]) for term in found["terms"])
    given_back = sum(Decimal(line["amount"]["amount"]) for line in quote["breakdown"] if line["code"] == "term_floor")
    assert Decimal(quote["list_total"]["amount"]) + off + given_back == Decimal(quote["total"]["amount"])


def test_a_buyer_does_not_read_the_pools_exact_figures_from_an_explanation(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    day = bank.get(f"/quotes/{quote['id']}/price").json()["days"][0]
    assert {name: day[name] for name in ("limit", "use", "use_at_solve", "dual")} == dict.fromkeys(
        ("limit", "use", "use_at_solve", "dual")
    )
    seller = calls_of(market.seller)
    own = seller.quote(market)
    day = seller.get(f"/quotes/{own['id']}/price").json()["days"][0]
    assert (day["limit"], day["use"]) == (2048, 64)


def test_somebody_elses_quote_is_explained_like_one_that_does_not_exist(
    market: Market, bank: Caller, rival: Caller
) -> None:
    quote = bank.quote(market)
    other, none = rival.get(f"/quotes/{quote['id']}/price"), rival.get("/quotes/qte_none/price")
    assert (other.status_code, none.status_code) == (404, 404)
    assert other.content == none.content
    # Neither does the seller of the pool read a customer's quote here.
    assert calls_of(market.seller).get(f"/quotes/{quote['id']}/price").content == none.content


def test_the_rules_in_force_and_those_to_come_are_public(market: Market, bank: Caller) -> None:
    (default,) = bank.get("/price-policies").json()["data"]
    assert (default["object"], default["seller"], default["status"]) == ("price_policy", None, "in_force")
    assert default["terms"]["tenor"][0] == {"from": 30, "rate_percent": "1.00"}
    assert default["premiums"] == {"firm": "0.0800", "standard": "0.0300", "standby": "0.0000"}
    seller = market.seller.organisation
    later = clock.now() + timedelta(days=15)
    published(seller=seller, reserve_prices={"h100": "1.50"}, starts_at=later)
    new, old = bank.get("/price-policies").json()["data"]
    assert (new["status"], new["seller"]["id"], old) == ("scheduled", seller.public_id, default)
    assert bank.get("/price-policies", status="scheduled").json()["data"] == [new]
    assert bank.get("/price-policies", seller="default").json()["data"] == [default]
    assert bank.get("/price-policies", seller=seller.public_id).json()["data"] == [new]


def test_a_reserve_price_that_is_not_published_is_for_its_seller_alone(market: Market, bank: Caller) -> None:
    published(seller=market.seller.organisation, reserve_prices={"h100": "0.50"})
    hidden = bank.get("/price-policies", status="scheduled").json()["data"][0]
    assert (hidden["reserve_prices"], hidden["floor_markup"]) == (None, None)
    assert calls_of(market.other_seller).get("/price-policies", status="scheduled").json()["data"] == [hidden]
    own = calls_of(market.seller).get("/price-policies", status="scheduled").json()["data"][0]
    assert (own["reserve_prices"], own["floor_markup"]) == ({"h100": "0.50"}, "0.0000")


def test_a_policy_that_another_version_overtook_is_not_to_come(market: Market, bank: Caller) -> None:
    published(starts_at=clock.now() + timedelta(days=3))
    published(starts_at=clock.now() + timedelta(days=2))
    assert [each["version"] for each in bank.get("/price-policies", status="scheduled").json()["data"]] == [3]


def test_versions_say_what_moved_and_why(market: Market, bank: Caller) -> None:
    solve(market)
    version = solve(market, duals=forecast(market, "frc 1", 0.5))
    shown = bank.get("/price-versions", pool=market.h100.public_id, limit="1").json()["data"][0]
    assert (shown["id"], shown["object"]) == (version.public_id, "price_version")
    assert shown["policy"] == PricePolicy.objects.get().public_id
    firm = next(move for move in shown["movements"] if move["firmness"] == "firm")
    assert (firm["pool"], firm["cause"], firm["reason"]) == (
        market.h100.public_id, "demand", "a new forecast of demand",
    )  # fmt: skip
    assert Decimal(firm["change_percent"]) > 30
    assert firm["exact"] is None
    own = calls_of(market.seller).get("/price-versions", limit="1").json()["data"][0]["movements"][0]
    assert own["exact"]["mean"] > 0.3
    assert calls_of(market.other_seller).get("/price-versions", limit="1").json()["data"] == [
        bank.get("/price-versions", limit="1").json()["data"][0]
    ]


def test_versions_are_listed_by_seller(market: Market, bank: Caller) -> None:
    seller = market.other_seller.organisation.public_id
    found = bank.get("/price-versions", seller=seller).json()["data"]
    assert [each["seller"]["id"] for each in found] == [seller]
    assert bank.get("/price-versions", sellers=seller).status_code == 422
