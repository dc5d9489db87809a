"""The organisation's dates in its own calendar program: at an address that is secret, and ends when it is told to."""

import csv
import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.test import Client
from icalendar import Calendar

from marketplace.change import change
from marketplace.journal.models import Entry
from marketplace.parties.models import VIEWER
from marketplace.units import clock
from marketplace.units.money import Money
from reservations.booking.dues import owe
from reservations.booking.feeds import CalendarFeed
from reservations.booking.money import FEE
from reservations.booking.payments import record_receipt
from tests.cockpit import signed_in
from tests.contracts.conftest import Caller, calls_of
from tests.holding import held
from tests.market import Market, key, member
from tests.reservations.test_booking import accept


def address(caller: Caller) -> str:
    answer = caller.post("/calendar-feed")
    assert answer.status_code == 201, answer.content
    return str(answer.json()["url"]).removeprefix("http://testserver")


def read(url: str, **headers: str) -> Any:
    """As a calendar program does: nobody is signed in."""
    return Client().get(url, headers=headers)


def events(url: str) -> dict[str, Any]:
    """Title -> event, parsed by the library."""
    answer = read(url)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    return {str(event["summary"]): event for event in Calendar.from_ical(answer.content).walk("vevent")}


def test_it_has_starts_ends_and_what_waits_for_a_decision(market: Market) -> None:
    reservation = accept(market.bank, held(market, market.bank))
    quote = held(market, market.bank, quantity=128)
    found = events(address(calls_of(market.bank)))
    bought, asked = "64 H100 at Northfield", "128 H100 at Northfield"
    assert set(found) == {f"Starts: {bought}", f"Last day: {bought}", f"Quote ends: {asked}"}
    assert found[f"Starts: {bought}"].decoded("dtstart") == reservation.start
    assert found[f"Last day: {bought}"].decoded("dtstart") == reservation.end - timedelta(days=1)
    assert found[f"Quote ends: {asked}"].decoded("dtstart") == quote.expires_at.replace(microsecond=0)
    assert isinstance(found[f"Starts: {bought}"].decoded("dtstart"), date)
    assert isinstance(found[f"Quote ends: {asked}"].decoded("dtstart"), datetime)


def test_what_is_still_to_be_paid_is_in_it_until_it_is_paid(market: Market) -> None:
    block = accept(market.bank, held(market, market.bank))
    when = clock.now() + timedelta(days=3)
    change.run(lambda: owe(block, key="fee", money=Money(Decimal(250)), reason=FEE, due_at=when, now=clock.now()))
    url = address(calls_of(market.bank))
    title = "Pay 250.00 USD by now: 64 H100 at Northfield"
    assert events(url)[title].decoded("dtstart") == when.replace(microsecond=0)
    paid: dict[str, Any] = {
        "amount": Decimal(250),
        "currency": "USD",
        "received_on": clock.today(),
        "bank_reference": "SWIFT-1",
    }
    by = market.seller.buyer.as_actor(None)
    change.run(lambda: record_receipt(reservation=block.public_id, by=by, **paid))
    assert title not in events(url)


def test_a_date_keeps_its_uid_under_a_new_address(market: Market) -> None:
    accept(market.bank, held(market, market.bank))
    caller = calls_of(market.bank)
    before, after = ({str(event["uid"]) for event in events(address(caller)).values()} for _ in range(2))
    assert before == after
    assert len(before) == 2


def test_nobody_elses_dates_are_in_it(market: Market) -> None:
    accept(market.rival, held(market, market.rival))
    held(market, market.rival)
    assert events(address(calls_of(market.bank))) == {}
    assert b"Rival" not in read(address(calls_of(market.bank))).content


def test_a_new_address_ends_the_one_before(market: Market) -> None:
    caller = calls_of(market.bank)
    first, second = address(caller), address(caller)
    assert (read(first).status_code, read(second).status_code) == (404, 200)
    assert CalendarFeed.objects.filter(revoked_at=None).count() == 1


def test_an_ended_address_is_word_for_word_like_one_that_never_was(market: Market) -> None:
    caller = calls_of(market.bank)
    ended = address(caller)
    assert caller.delete("/calendar-feed").status_code == 204
    gone, never = read(ended), read("/calendar/cal_0000000000000000000000.ics")
    assert (gone.status_code, gone.content) == (never.status_code, never.content) == (404, never.content)
    assert caller.delete("/calendar-feed").status_code == 204
    assert Entry.objects.filter(verb="calendar_feed.closed").count() == 1


def test_the_address_is_kept_by_nobody(market: Market) -> None:
    secret = address(calls_of(market.bank)).split("/")[-1].removesuffix(".ics")
    feed = CalendarFeed.objects.get()
    assert secret not in str(vars(feed))
    assert not Entry.objects.filter(after__icontains=secret).exists()


def test_what_has_not_changed_is_not_sent_again(market: Market) -> None:
    url = address(calls_of(market.bank))
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        first = read(url)
        assert read(url, **{"If-None-Match": first.headers["ETag"]}).status_code == 304
        assert read(url, **{"If-Modified-Since": first.headers["Last-Modified"]}).status_code == 304
        held(market, market.bank)
        assert read(url, **{"If-None-Match": first.headers["ETag"]}).status_code == 200
        assert read(url, **{"If-Modified-Since": first.headers["Last-Modified"]}).status_code == 200


def test_a_quote_leaves_it_at_its_expiry_and_that_is_a_change(market: Market) -> None:
    url, quote = address(calls_of(market.bank)), held(market, market.bank)
    before = read(url)
    with clock.frozen(quote.expires_at + timedelta(seconds=1)):
        assert events(url) == {}
        assert read(url, **{"If-Modified-Since": before.headers["Last-Modified"]}).status_code == 200


def test_it_takes_a_key_that_may_commit(market: Market) -> None:
    reader = Caller(key(market.bank.organisation, "read"))
    assert reader.post("/calendar-feed").status_code == 403
    assert not CalendarFeed.objects.exists()


def test_on_the_web_a_buyer_makes_it_and_sees_it_once(market: Market) -> None:
    browser = signed_in(market.bank.buyer)
    assert "There is no address yet" in browser.get("/calendar/").content.decode()
    shown = browser.post("/calendar/")
    url = shown.context["address"].removeprefix("http://testserver")
    assert url in shown.content.decode()
    assert url not in browser.get("/calendar/").content.decode()
    assert read(url).status_code == 200
    browser.post("/calendar/", {"end": "1"})
    assert read(url).status_code == 404


def test_a_viewer_looks_and_changes_nothing(market: Market) -> None:
    viewer = signed_in(member(market.bank.organisation, "viewer@first.example", VIEWER))
    assert "Make an address" not in viewer.get("/calendar/").content.decode()
    assert viewer.post("/calendar/").status_code == 403
    assert not CalendarFeed.objects.exists()


def test_everything_as_one_file_and_nobody_elses(market: Market) -> None:
    reservation = accept(market.bank, held(market, market.bank))
    quote = held(market, market.bank, quantity=128)
    accept(market.rival, held(market, market.rival, quantity=72))
    answer = signed_in(market.bank.buyer).get("/everything.csv")
    text = b"".join(answer.streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["kind"], row["id"]) for row in rows] == [
        ("reservation", reservation.public_id),
        ("quote", quote.public_id),
        ("quote", reservation.quote.public_id),
    ]
    assert (rows[0]["total"], rows[0]["belongs_to"]) == (str(reservation.total), reservation.quote.public_id)
    assert rows[1]["until"] == quote.expires_at.isoformat()
