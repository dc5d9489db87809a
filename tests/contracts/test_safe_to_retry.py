"""A change with an Idempotency-Key happens once, whatever is lost on the way."""

import pytest

from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.contracts.conftest import Caller
from tests.market import Market


def test_a_repeat_hears_the_first_answer(market: Market, bank: Caller) -> None:
    body = {"offer": bank.offer(market)["id"]}
    first = bank.post("/quotes", body, idempotency_key="one")
    again = bank.post("/quotes", body, idempotency_key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (first.has_header("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (False, "true")
    assert Quote.objects.count() == 1


def test_accepting_again_with_the_same_key_is_the_same_reservation(market: Market, bank: Caller) -> None:
    quote = bank.quote(market)["id"]
    first = bank.post(f"/quotes/{quote}/accept", idempotency_key="accept")
    again = bank.post(f"/quotes/{quote}/accept", idempotency_key="accept")
    assert (again.status_code, again.json()) == (201, first.json())
    assert Reservation.objects.count() == 1


def test_the_answer_outlives_what_made_it(market: Market, bank: Caller) -> None:
    body = {"offer": bank.offer(market)["id"]}
    first = bank.post("/quotes", body, idempotency_key="one").json()
    bank.post(f"/quotes/{first['id']}/release", idempotency_key="two")
    assert bank.post("/quotes", body, idempotency_key="one").json() == first


def test_one_key_for_another_request_is_refused(market: Market, bank: Caller) -> None:
    quote = bank.post("/quotes", {"offer": bank.offer(market)["id"]}, idempotency_key="one").json()["id"]
    other_body = bank.post("/quotes", {"offer": bank.offer(market)["id"]}, idempotency_key="one")
    other_path = bank.post(f"/quotes/{quote}/accept", idempotency_key="one")
    for answer in (other_body, other_path):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert (Quote.objects.count(), Reservation.objects.count()) == (1, 0)


def test_two_organisations_may_choose_the_same_key(market: Market, bank: Caller, rival: Caller) -> None:
    answers = [
        caller.post("/quotes", {"offer": caller.offer(market)["id"]}, idempotency_key="1") for caller in (bank, rival)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_a_refusal_is_not_kept(market: Market, bank: Caller, rival: Caller) -> None:
    body = {"offer": bank.offer(market)["id"]}
    theirs = rival.quote(market)["id"]
    assert bank.post("/quotes", body, idempotency_key="one").json()["code"] == "price_changed"
    rival.post(f"/quotes/{theirs}/release")
    assert bank.post("/quotes", body, idempotency_key="one").status_code == 201


def test_without_a_key_it_works_and_says_so(market: Market, bank: Caller) -> None:
    body = {"offer": bank.offer(market)["id"]}
    bare, keyed = bank.post("/quotes", body), bank.post("/quotes", body, idempotency_key="one")
    assert bare.headers["Warning"].startswith("199 ")
    assert not keyed.has_header("Warning")
    assert not bank.post("/offers", market.need()).has_header("Warning")


@pytest.mark.parametrize("bad", ["", "a b", "x" * 256, "é"])
def test_a_key_is_visible_ascii(market: Market, bank: Caller, bad: str) -> None:
    answer = bank.post("/quotes", {"offer": bank.offer(market)["id"]}, idempotency_key=bad)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/Idempotency-Key")
    assert not Quote.objects.exists()
