"""Holds over REST: what may be held unbought, and quotes that are kept longer."""

from datetime import timedelta
from typing import Any

import pytest

from marketplace.units import clock
from pricing.quotes.models import Quote
from reservations.booking.money import HOLD_FEE, Due
from tests.contracts.conftest import Caller
from tests.contracts.test_schema import follows
from tests.holding import BLOCK, rules
from tests.market import Market


def test_the_limit_says_what_is_held_what_would_fit_and_what_to_release(market: Market, bank: Caller) -> None:
    rules(market, hold_limit_gpu_hours=BLOCK + 8 * 30 * 24)
    first, offer = bank.quote(market), bank.offer(market)
    refused = bank.post("/quotes", {"offer": offer["id"]})
    body = refused.json()
    assert (refused.status_code, body["code"]) == (409, "hold_limit")
    follows("post", "/quotes", 409, body)
    assert (body["held_gpu_hours"], body["asked_gpu_hours"], body["fits"]) == (BLOCK, BLOCK, 8)
    assert [each["quote"] for each in body["release"]] == [first["id"]]
    assert bank.post(f"/quotes/{body['release'][0]['quote']}/release").status_code == 200
    assert bank.post("/quotes", {"offer": offer["id"]}).status_code == 201


def test_a_cool_down_says_when_it_ends(market: Market, bank: Caller) -> None:
    rules(market, lapses_to_cooldown=1, cooldown_minutes=30)
    expires = Quote.objects.get(public_id=bank.quote(market)["id"]).expires_at
    with clock.frozen(expires + timedelta(minutes=1)):
        refused = bank.post("/quotes", {"offer": bank.offer(market)["id"]})
        assert (refused.status_code, refused.json()["code"]) == (429, "hold_cooldown")
        assert refused.headers["Retry-After"] == str(29 * 60)
        assert refused.json()["ends_at"].startswith((expires + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%S"))
    assert Quote.objects.count() == 1


def test_a_long_hold_is_shown_taken_owed_and_credited(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    path = f"/quotes/{quote['id']}/hold"
    shown = bank.post(f"{path}/preview", {"days": 5}).json()
    follows("post", "/quotes/{public_id}/hold/preview", 200, shown)
    assert bank.get(f"/quotes/{quote['id']}").json()["expires_at"] == quote["expires_at"]
    kept = bank.post(path, {"days": 5, "fee": shown["fee"]}, idempotency_key="h-1")
    again = bank.post(path, {"days": 5, "fee": shown["fee"]}, idempotency_key="h-1")
    assert (kept.status_code, kept.json()) == (200, again.json())
    assert kept.json()["hold"] == {"days": 5, "fee": shown["fee"]}
    due = Due.objects.get(reason=HOLD_FEE)
    assert (due.money.as_json(), due.reservation_id, due.quote.public_id) == (  # type: ignore[union-attr]
        shown["fee"], None, quote["id"],
    )  # fmt: skip
    with clock.frozen(clock.now() + timedelta(days=4)):
        reservation = bank.post(f"/quotes/{quote['id']}/accept")
        assert reservation.status_code == 201, reservation.content
    dues = Due.objects.filter(reason=HOLD_FEE).order_by("pk")
    assert [each.amount for each in dues] == [due.amount, -due.amount]
    credited = dues[1].reservation
    assert credited is not None
    assert credited.public_id == reservation.json()["id"]


def test_a_long_hold_that_is_not_used_stays_owed(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)
    bank.post(f"/quotes/{quote['id']}/hold", {"days": 5})
    bank.post(f"/quotes/{quote['id']}/release")
    assert Due.objects.filter(reason=HOLD_FEE).count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"days": 31}, 409, "long_hold_too_long"),
        ({"days": 0}, 409, "long_hold_too_long"),
        ({"days": 5, "fee": {"amount": "1.00", "currency": "USD"}}, 409, "fee_changed"),
        ({"days": "5"}, 422, "invalid"),
        ({}, 422, "invalid"),
        ({"days": 5, "free": True}, 422, "invalid"),
    ],
)
def test_what_a_long_hold_refuses(market: Market, bank: Caller, body: dict[str, Any], status: int, code: str) -> None:
    quote = bank.quote(market)
    refused = bank.post(f"/quotes/{quote['id']}/hold", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert bank.get(f"/quotes/{quote['id']}").json()["expires_at"] == quote["expires_at"]
    assert not Due.objects.exists()


def test_a_seller_may_keep_nothing_longer(market: Market, bank: Caller) -> None:
    rules(market, long_hold_days=0)
    quote = bank.quote(market)
    refused = bank.post(f"/quotes/{quote['id']}/hold", {"days": 5})
    assert (refused.status_code, refused.json()["code"]) == (409, "long_hold_unavailable")


def test_a_strangers_quote_is_what_does_not_exist(market: Market, bank: Caller, rival: Caller) -> None:
    quote = bank.quote(market)
    for path in ("hold", "hold/preview"):
        theirs = rival.post(f"/quotes/{quote['id']}/{path}", {"days": 5})
        assert (theirs.status_code, theirs.json()) == (404, rival.post(f"/quotes/qte_none/{path}", {"days": 5}).json())


def test_the_rules_are_published(market: Market, bank: Caller) -> None:
    holds = bank.get("/price-policies").json()["data"][0]["holds"]
    assert (holds["limit_gpu_hours"], holds["long_hold_percent_a_day"], holds["desk_hold_minutes"]) == (
        100_000_000, "0.0500", 120,
    )  # fmt: skip
