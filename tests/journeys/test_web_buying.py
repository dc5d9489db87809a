"""Who may do what on the pages, by role and by route; a denied attempt leaves everything as it was."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from marketplace.capacity.models import Claim
from marketplace.catalogue.models import Site
from marketplace.parties.models import ADMIN, VIEWER, ApiKey, Membership, User
from marketplace.units import clock
from marketplace.web import formats
from pricing.demand.models import Enquiry
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from tests.market import PASSWORD, Market, member

MEMBER_PAGES = ("/capacity/", "/quotes/", "/reservations/", "/reservations.csv", "/organisation/", "/selling/")


@pytest.fixture
def viewer(market: Market) -> User:
    return member(market.bank.organisation, "viewer@first.example", VIEWER)


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def question(market: Market, **changed: Any) -> dict[str, Any]:
    """The form, filled in for the market's usual block."""
    asked = {"quantity": 64, "accelerator": "h100", "days": 30, "start": market.day(30), "flexibility": 7}
    return {**asked, "firmness": "firm", "where": "", **changed}


def offer(client: Client, market: Market, **changed: Any) -> str:
    return str(client.get("/capacity/", question(market, **changed)).context["offer"].id)


def quoted(client: Client, market: Market, **changed: Any) -> str:
    """Takes a quote; its page."""
    answer = client.post("/capacity/quote/", {"offer": offer(client, market, **changed)})
    assert answer.status_code == 302, answer.content
    return str(answer.headers["Location"])


def reserved(client: Client, market: Market, **changed: Any) -> str:
    """Takes a quote and accepts it; the reservation's page."""
    answer = client.post(f"{quoted(client, market, **changed)}accept/")
    return str(answer.headers["Location"])


@pytest.mark.parametrize("path", MEMBER_PAGES)
def test_a_stranger_is_asked_to_sign_in_and_comes_back(market: Market, path: str) -> None:
    asked = Client().get(path)
    assert (asked.status_code, asked.headers["Location"]) == (302, f"/sign-in/?next={path}")
    answer = Client().post(
        asked.headers["Location"], {"username": market.bank.buyer.email, "password": PASSWORD, "next": path}
    )
    assert answer.headers["Location"] == path


def test_a_wrong_password_is_refused_without_saying_which_was_wrong(market: Market) -> None:
    for email in (market.bank.buyer.email, "nobody@first.example"):
        answer = Client().post("/sign-in/", {"username": email, "password": "guess"})
        assert "This e-mail and password do not match." in answer.text


def test_sign_in_leads_to_no_other_host(market: Market) -> None:
    form = {"username": market.bank.buyer.email, "password": PASSWORD, "next": "https://evil.example/"}
    assert Client().post("/sign-in/", form).headers["Location"] == "/"


def test_the_sign_in_page_shows_no_password(market: Market) -> None:
    assert PASSWORD not in Client().get("/sign-in/").text
    assert "headroom-demo" not in Client().get("/sign-in/").text


def test_somebody_without_an_organisation_is_told_what_to_do(market: Market) -> None:
    answer = browser_of(User.objects.create_user("new@nowhere.example", PASSWORD)).get("/capacity/")
    assert answer.status_code == 403
    assert "Ask its administrator to add you." in answer.text


@pytest.mark.parametrize("role", ["buyer", "approver"])
def test_buyers_and_approvers_buy(market: Market, role: str) -> None:
    path = reserved(browser_of(getattr(market.bank, role)), market)
    found = Reservation.objects.get()
    assert path == f"/reservations/{found.public_id}/"
    assert found.accepted_by == getattr(market.bank, role).email


def test_a_viewer_looks_and_is_shown_no_button(market: Market, viewer: User) -> None:
    path = quoted(browser_of(market.bank.buyer), market)
    looking = browser_of(viewer)
    assert "Get a firm quote" not in looking.get("/capacity/", question(market)).text
    page = looking.get(path).text
    assert "can accept or let it go" in page
    assert f"{path}accept/" not in page
    assert f"{path}release/" not in page


def test_a_viewer_takes_no_quote(market: Market, viewer: User) -> None:
    looking = browser_of(viewer)
    answer = looking.post("/capacity/quote/", {"offer": offer(looking, market)})
    assert answer.status_code == 403
    assert "ask a buyer to do this" in answer.text
    assert not Quote.objects.exists()
    assert not Claim.objects.exists()


@pytest.mark.parametrize("verb", ["accept", "release"])
def test_a_viewer_decides_on_no_quote(market: Market, viewer: User, verb: str) -> None:
    path = quoted(browser_of(market.bank.buyer), market)
    assert browser_of(viewer).post(f"{path}{verb}/").status_code == 403
    assert Quote.objects.get().status == "open"
    assert not Reservation.objects.exists()


def test_a_rival_finds_nothing_of_the_banks(market: Market) -> None:
    bank, rival = browser_of(market.bank.buyer), browser_of(market.rival.buyer)
    held = quoted(bank, market)
    bought = reserved(bank, market)
    for path in (held, bought):
        assert rival.get(path).status_code == 404
    for verb in ("accept", "release"):
        assert rival.post(f"{held}{verb}/").status_code == 404
    assert rival.get("/reservations.csv").getvalue().decode().count("\n") == 1
    assert Quote.objects.get(public_id=held.split("/")[2]).status == "open"
    assert Reservation.objects.count() == 1


def test_a_rival_cannot_use_the_banks_offer(market: Market) -> None:
    token = offer(browser_of(market.bank.buyer), market)
    answer = browser_of(market.rival.buyer).post("/capacity/quote/", {"offer": token}, follow=True)
    assert "This is not an offer made to your organisation." in answer.text
    assert not Quote.objects.exists()


@pytest.mark.parametrize(
    "path", ["/capacity/quote/", "/quotes/{}/accept/", "/quotes/{}/release/", "/organisation/choose/"]
)
def test_nothing_changes_by_following_a_link(market: Market, path: str) -> None:
    bank = browser_of(market.bank.buyer)
    quote = quoted(bank, market)
    assert bank.get(path.format(quote.split("/")[2])).status_code == 405
    assert Quote.objects.get().status == "open"


def test_sign_out_is_no_link(market: Market) -> None:
    bank = browser_of(market.bank.buyer)
    assert bank.get("/sign-out/").status_code == 405
    assert bank.get("/quotes/").status_code == 200


def test_a_form_from_another_site_is_refused(market: Market) -> None:
    path = quoted(browser_of(market.bank.buyer), market)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(market.bank.buyer)
    for target in (f"{path}accept/", f"{path}release/", "/capacity/quote/", "/sign-out/", "/organisation/"):
        assert strict.post(target, {"offer": "off_x", "name": "stolen", "scopes": "commit"}).status_code == 403
    assert Quote.objects.get().status == "open"
    assert not ApiKey.objects.filter(name="stolen").exists()


def test_an_expired_hold_is_said_and_offers_the_block_again(market: Market) -> None:
    bank = browser_of(market.bank.buyer)
    path = quoted(bank, market)
    with clock.frozen(clock.now() + timedelta(hours=1)):
        answer = bank.post(f"{path}accept/", follow=True)
    assert "The quote&#x27;s time is over. Nothing was charged and nothing is held." in answer.text
    assert "Price the same block now" in answer.text
    assert not Reservation.objects.exists()


def test_accepting_twice_reserves_once(market: Market) -> None:
    bank = browser_of(market.bank.buyer)
    path = quoted(bank, market)
    bank.post(f"{path}accept/")
    again = bank.post(f"{path}accept/", follow=True)
    assert "The quote was accepted already." in again.text
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"quantity": 0}, "Ask for 1 GPU or more."),
        ({"quantity": "many"}, "Ask for 1 GPU or more."),
        ({"days": 5000}, "Ask for 1 to 1,825 days."),
        ({"start": "2001-01-01"}, "The first start that can be sold is"),
        ({"start": "soon"}, "Choose the date"),
        ({"firmness": "certain"}, "Select a valid choice"),
        ({"accelerator": "abacus"}, "Select a valid choice"),
        ({"flexibility": "9999"}, "Select a valid choice"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_beside_its_field(
    market: Market, changed: dict[str, Any], said: str
) -> None:
    answer = browser_of(market.bank.buyer).get("/capacity/", question(market, **changed))
    assert answer.status_code == 200
    assert said in answer.text
    assert not Enquiry.objects.exists()


@pytest.mark.parametrize("junk", [{"pick": "-1"}, {"pick": "99"}, {"pick": "x"}, {"on": "2001-01-01"}, {"on": "x"}])
def test_a_spoilt_link_still_shows_the_offers(market: Market, junk: dict[str, str]) -> None:
    assert browser_of(market.bank.buyer).get("/capacity/", question(market, **junk)).context["offers"]


def test_a_refusal_names_dates_as_people_do_and_prices_what_fits(market: Market) -> None:
    answer = browser_of(market.bank.buyer).get("/capacity/", question(market, quantity=3000))
    assert "at most 2,048 do." in answer.text
    fewer = answer.context["alternatives"][0]
    assert (fewer.action, fewer.total.currency) == ("Use 2,048 GPUs", "USD")
    said = strip_tags(answer.text)
    assert f"with a start from {formats.day(market.day(23))} to {formats.day(market.day(37))}" in said
    assert market.day(23).isoformat() not in said


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("buyer", 403), ("approver", 403), ("admin", 302)])
def test_only_administrators_make_keys(market: Market, role: str, status: int) -> None:
    someone = member(market.bank.organisation, f"{role}.2@first.example", role)
    answer = browser_of(someone).post("/organisation/", {"name": "Scheduler", "scopes": ["read"]})
    assert answer.status_code == status
    assert ApiKey.objects.filter(name="Scheduler").exists() == (status == 302)


def test_a_new_key_is_shown_once(market: Market) -> None:
    admin = browser_of(member(market.bank.organisation, "admin@first.example", ADMIN))
    page = admin.post("/organisation/", {"name": "Scheduler", "scopes": ["read"]}, follow=True)
    secret = page.context["new_key"]
    assert secret in page.text
    assert secret not in admin.get("/organisation/").text


@pytest.mark.parametrize("pressed", ["", "x", "²", "999999999999999999999"])
def test_a_key_that_is_not_there_cannot_be_revoked(market: Market, pressed: str) -> None:
    admin = browser_of(member(market.bank.organisation, "admin@first.example", ADMIN))
    assert admin.post("/organisation/", {"revoke": pressed}).status_code == 404
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_a_rivals_key_cannot_be_revoked(market: Market) -> None:
    admin = browser_of(member(market.bank.organisation, "admin@first.example", ADMIN))
    theirs = ApiKey.objects.get(organisation=market.rival.organisation)
    assert admin.post("/organisation/", {"revoke": theirs.pk}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_somebody_in_two_organisations_acts_for_the_one_they_chose(market: Market) -> None:
    both = browser_of(market.bank.buyer)
    Membership.objects.create(user=market.bank.buyer, organisation=market.seller.organisation, role=VIEWER)
    path = quoted(both, market)
    answer = both.post("/organisation/choose/", {"organisation": market.seller.organisation.public_id}, follow=True)
    assert "You now act for Northwind Compute as viewer." in answer.text
    assert both.get(path).status_code == 404
    assert both.post("/capacity/quote/", {"offer": "off_x"}).status_code == 403


def test_nobody_acts_for_an_organisation_that_is_not_theirs(market: Market) -> None:
    bank = browser_of(market.bank.buyer)
    theirs = market.rival.organisation.public_id
    assert bank.post("/organisation/choose/", {"organisation": theirs}).status_code == 404
    assert bank.get("/quotes/").context["organisation"] == market.bank.organisation


def test_the_export_has_every_reservation_and_runs_no_formula(market: Market) -> None:
    Site.objects.filter(pk=market.h100.site_id).update(name='=HYPERLINK("https://evil.example")')
    bank = browser_of(market.bank.buyer)
    reserved(bank, market)
    answer = bank.get("/reservations.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode()))
    found = Reservation.objects.get()
    assert row["site"] == "'" + '=HYPERLINK("https://evil.example")'
    assert (row["id"], row["total"], row["end_exclusive"]) == (found.public_id, str(found.total), found.end.isoformat())


@pytest.mark.parametrize(("path", "make"), [("/quotes/", quoted), ("/reservations/", reserved)])
def test_long_lists_come_in_pages(
    market: Market, path: str, make: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pricing.web.quotes.ROWS_A_PAGE", 2)
    monkeypatch.setattr("reservations.web.bookings.ROWS_A_PAGE", 2)
    bank = browser_of(market.bank.buyer)
    made = [make(bank, market, start=market.day(30 + index)) for index in range(3)]
    first, second, beyond = (bank.get(path, {"page": page}).text for page in ("1", "2", "junk"))
    assert [link in first for link in made] == [False, True, True]
    assert [link in second for link in made] == [True, False, False]
    assert made[2] in beyond


def test_an_address_that_is_not_there_answers_within_the_shell(market: Market) -> None:
    answer = Client().get("/nothing/")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.text
    assert 'href="/static/css/tokens.css"' in answer.text


@pytest.mark.parametrize("firmness", ["firm", "standard", "standby", "junk"])
@pytest.mark.parametrize("span", ["12", "24", "60", "junk"])
def test_the_board_is_public_for_each_firmness_and_range(market: Market, firmness: str, span: str) -> None:
    answer = Client().get("/", {"firmness": firmness, "range": span})
    assert answer.status_code == 200
    assert "Where it is tight" in answer.text
