"""The waitlist over REST."""

from typing import Any

from marketplace.units.period import Period
from pricing.quotes.models import Quote
from reservations.booking.waitlist.models import WaitlistEntry
from reservations.tasks import serve_due_waitlist
from tests.contracts.conftest import Caller
from tests.contracts.test_schema import follows
from tests.market import Market, block_taken, key


def wish(market: Market, **changed: Any) -> dict[str, Any]:
    return market.need() | {"max_unit_price": "50"} | changed


def test_a_standing_request_is_offered_and_taken(market: Market, bank: Caller) -> None:
    joined = bank.post("/waitlist", wish(market), idempotency_key="once")
    assert joined.status_code == 201
    follows("post", "/waitlist", 201, joined.json())
    assert bank.post("/waitlist", wish(market), idempotency_key="once").json() == joined.json()
    entry = joined.json()
    assert (entry["object"], entry["status"], entry["allowed_actions"]) == ("waitlist_entry", "waiting", ["withdraw"])
    assert (entry["need"], entry["max_unit_price"], entry["offer"]) == (market.need(), "50.0000", None)
    serve_due_waitlist()
    shown = bank.get(f"/waitlist/{entry['id']}").json()
    follows("get", "/waitlist/{public_id}", 200, shown)
    assert (shown["status"], shown["allowed_actions"]) == ("offered", ["withdraw"])
    assert bank.post(f"/quotes/{shown['offer']['quote']}/accept").status_code == 201
    assert bank.get(f"/waitlist/{entry['id']}").json()["status"] == "served"
    follows("get", "/waitlist", 200, bank.get("/waitlist").json())


def test_why_nothing_was_offered_is_told(market: Market, bank: Caller) -> None:
    block_taken(market.h100, Period.of(market.day(0), 100), 2048)
    entry = bank.post("/waitlist", wish(market)).json()
    serve_due_waitlist()
    (why,) = bank.get(f"/waitlist/{entry['id']}").json()["passes"]
    assert (why["reason"], why["detail"]) == ("no_room", "Nothing that it accepts has room for all 64 GPUs.")


def test_a_withdrawn_request_gives_its_offer_back(market: Market, bank: Caller) -> None:
    entry = bank.post("/waitlist", wish(market)).json()
    serve_due_waitlist()
    gone = bank.post(f"/waitlist/{entry['id']}/withdraw")
    assert (gone.status_code, gone.json()["status"], gone.json()["offer"]) == (200, "withdrawn", None)
    assert Quote.objects.get().status == "released"
    again = bank.post(f"/waitlist/{entry['id']}/withdraw")
    assert (again.status_code, again.json()["code"]) == (409, "waitlist_entry_over")


def test_what_belongs_to_another_organisation_is_not_there(market: Market, bank: Caller, rival: Caller) -> None:
    entry = bank.post("/waitlist", wish(market)).json()
    nothing = rival.get("/waitlist/wle_0000000000000000000000").json()
    assert rival.get(f"/waitlist/{entry['id']}").json() == nothing
    assert rival.post(f"/waitlist/{entry['id']}/withdraw").json() == nothing
    assert rival.get("/waitlist").json()["data"] == []
    assert WaitlistEntry.objects.get().status == "waiting"


def test_a_request_without_a_ceiling_or_with_a_wrong_one_is_refused(market: Market, bank: Caller) -> None:
    for body in (market.need(), wish(market, max_unit_price=2.5), wish(market, max_unit_price="0")):
        wrong = bank.post("/waitlist", body)
        assert (wrong.status_code, [each["pointer"] for each in wrong.json()["errors"]]) == (422, ["/max_unit_price"])
    wrong = bank.post("/waitlist", wish(market, sort="soonest", quantity=0))
    assert [each["pointer"] for each in wrong.json()["errors"]] == ["/sort", "/quantity"]
    assert not WaitlistEntry.objects.exists()


def test_a_key_that_only_reads_joins_nothing(market: Market) -> None:
    reader = Caller(key(market.bank.organisation, "read"))
    assert reader.post("/waitlist", wish(market)).json()["code"] == "scope_required"
    assert reader.get("/waitlist").status_code == 200
    assert not WaitlistEntry.objects.exists()
