"""From a quote that is too dear to a reservation at a negotiated price: pages, desk and REST; and a long hold."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from marketplace.journal.models import Entry
from marketplace.parties.models import VIEWER
from marketplace.parties.staff_roles import SUPPLY_PLANNER, ensure_staff_groups
from pricing.negotiation.margins import NegotiationPolicy, SalesLimit
from pricing.negotiation.models import Negotiation
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from reservations.booking.money import Due
from tests.bargaining import Table, below, set_table, staff
from tests.holding import rules
from tests.market import Market, member


@pytest.fixture
def table(market: Market) -> Table:
    return set_table(market)


def browser_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def counter(buyer: Client, table: Table, **asked: Any) -> Any:
    return buyer.post(f"/quotes/{table.quote.public_id}/counter/", {"per": "total", **asked}, follow=True)


def desk_path(negotiation: Negotiation) -> str:
    return reverse("admin:negotiation-desk", args=[negotiation.public_id])


def answered(table: Table, **typed: Any) -> dict[str, Any]:
    """The form of an offer for the block that is on the table."""
    quote = table.quote
    deal = {"quantity": quote.quantity, "start": quote.start.isoformat(), "days": quote.period.days}
    return {"verb": "offer", **deal, "firmness": "firm", "prepayment": 0, "sentence": "For you.", **typed}


def test_a_buyer_bargains_insists_and_accepts_what_sales_grant(table: Table) -> None:
    buyer, sales = browser_of(table.market.bank.buyer), browser_of(table.sales)
    page = counter(buyer, table, price=below(table.quote, 20), sentence="We need twenty percent.").content.decode()
    assert "Start 17" in page or "Start" in page
    assert "We need twenty percent." in page
    negotiation = Negotiation.objects.get()
    buyer.post(reverse("insist", args=[negotiation.public_id]))
    listed = sales.get(reverse("admin:pricing_negotiation_changelist"), {"state": "with_sales"}).content.decode()
    assert desk_path(negotiation) in listed
    seen = sales.get(desk_path(negotiation)).content.decode()
    for figure in ("Walk-away price", "$20,408.84", "$19,814.40", "We need twenty percent."):
        assert figure in seen
    refused = sales.post(desk_path(negotiation), answered(table, total=below(table.quote, 6)))
    assert "Within their limits: Lead." in refused.content.decode()
    assert sales.post(desk_path(negotiation), answered(table, total=below(table.quote, 4))).status_code == 302
    made = Quote.objects.get(replaces=table.quote)
    shown = buyer.get(f"/quotes/{made.public_id}/").content.decode()
    assert "Granted by sales" in shown
    assert "For you." in shown
    assert not re.search(r"walk.?away|20,408|margin", shown, re.IGNORECASE)
    assert "Replaced in a negotiation" in buyer.get(f"/quotes/{table.quote.public_id}/").content.decode()
    accepted = buyer.post(f"/quotes/{made.public_id}/accept/")
    assert accepted.headers["Location"].startswith("/reservations/")
    assert Reservation.objects.get().total == below(table.quote, 4)
    assert [step.verb for step in Negotiation.objects.get().steps.all()] == [
        "countered", "answered", "insisted", "offered", "accepted",
    ]  # fmt: skip


def test_a_trade_on_the_page_is_one_click(table: Table) -> None:
    buyer = browser_of(table.market.bank.buyer)
    page = counter(buyer, table, price=below(table.quote, 2)).content.decode()
    trades = re.findall(r'name="trade" value="(trd_\w+)"', page)
    assert len(trades) >= 4
    thread = Negotiation.objects.get()
    after = buyer.post(reverse("take-trade", args=[thread.public_id]), {"trade": trades[0]}, follow=True)
    assert Quote.objects.get(pk=table.quote.pk).status == "replaced"
    assert "took a trade" in after.content.decode()


def test_what_makes_no_sense_is_said_beside_its_field(table: Table) -> None:
    buyer = browser_of(table.market.bank.buyer)
    page = counter(buyer, table, per="unit_price", price="1.00")
    assert page.status_code == 422
    assert "Enter 1.2900 USD per GPU-hour or more." in page.content.decode()
    assert 'value="1.00"' in page.content.decode()
    assert not Negotiation.objects.exists()


def test_a_refusal_reads_the_same_on_a_page_and_over_rest(table: Table) -> None:
    rules(table.market, hold_limit_gpu_hours=table.quote.gpu_hours)
    buyer = browser_of(table.market.bank.buyer)
    counter(buyer, table, quantity=128)
    thread = Negotiation.objects.get()
    step = thread.steps.last()
    assert step is not None
    trade = step.trades[0]["id"]
    page = buyer.post(reverse("take-trade", args=[thread.public_id]), {"trade": trade}, follow=True)
    rest = Client().post(
        f"/api/v1/negotiations/{thread.public_id}/take",
        {"trade": trade},
        content_type="application/json",
        headers={"Authorization": f"Bearer {table.market.bank.key}"},
    )
    assert rest.json()["code"] == "hold_limit"
    assert rest.json()["detail"] in page.content.decode()


def test_a_viewer_and_a_stranger_move_nothing(table: Table) -> None:
    buyer, market = browser_of(table.market.bank.buyer), table.market
    counter(buyer, table, price=below(table.quote, 2))
    thread = Negotiation.objects.get()
    viewer = browser_of(member(market.bank.organisation, "viewer@first.example", VIEWER))
    stranger = browser_of(market.rival.buyer)
    paths = [reverse(name, args=[thread.public_id]) for name in ("take-trade", "insist", "reply", "withdraw")]
    paths += [f"/quotes/{table.quote.public_id}/{verb}/" for verb in ("counter", "hold")]
    body = {"per": "total", "price": "20000", "days": "3", "fee": "999"}
    assert [viewer.post(path, body).status_code for path in paths] == [403] * len(paths)
    assert [stranger.post(path, body).status_code for path in paths] == [404] * len(paths)
    assert thread.steps.count() == 2
    assert "Send counter-offer" not in viewer.get(f"/quotes/{table.quote.public_id}/").content.decode()


def test_the_desk_is_for_sales_and_for_the_own_sellers_threads(table: Table) -> None:
    counter(browser_of(table.market.bank.buyer), table, price=below(table.quote, 2))
    thread = Negotiation.objects.get()
    planner = staff("planner", ensure_staff_groups()[SUPPLY_PLANNER])
    declined = {"verb": "decline", "reason": "price", "note": "Not this time, thanks."}
    assert browser_of(planner).post(desk_path(thread), declined).status_code == 403
    assert browser_of(table.market.bank.buyer).get(desk_path(thread)).status_code == 302
    assert browser_of(table.sales).get(reverse("admin:negotiation-desk", args=["neg_none"])).status_code == 404
    assert thread.steps.count() == 2
    assert browser_of(table.sales).post(desk_path(thread), declined).status_code == 302
    assert thread.steps.count() == 3


def test_the_margin_is_a_policy_with_versions_and_limits_are_journalled(table: Table) -> None:
    table.sales.is_superuser = True
    table.sales.save()
    root = browser_of(table.sales)
    add = reverse("admin:pricing_negotiationpolicy_add")
    typed = {"seller": "", "margin_percent": "5", "reason": "dearer"}
    typed |= {"starts_at_0": "2020-01-01", "starts_at_1": "00:00"}
    assert "cannot start before" in root.post(add, typed).content.decode()
    assert root.post(add, {**typed, "starts_at_0": "2090-01-01"}).status_code == 302
    assert NegotiationPolicy.objects.latest("pk").version == 2
    limit = SalesLimit.objects.get(user=table.lead)
    change = reverse("admin:pricing_saleslimit_change", args=[limit.pk])
    root.post(change, {"user": table.lead.pk, "group": "", "most_discount_percent": "30"})
    limit.refresh_from_db()
    assert limit.most_discount_percent == Decimal(30)
    assert Entry.objects.filter(verb="saleslimit.changed").exists()


def test_a_quote_is_kept_longer_on_the_page_for_the_fee_that_it_shows(table: Table) -> None:
    buyer, path = browser_of(table.market.bank.buyer), f"/quotes/{table.quote.public_id}/"
    page = buyer.get(path).content.decode()
    days, fee = re.findall(r'name="days" value="(\d+)"><input type="hidden" name="fee" value="([\d.]+)"', page)[0]
    dearer = buyer.post(f"{path}hold/", {"days": days, "fee": "0.01"}, follow=True).content.decode()
    assert "The fee is" in dearer
    assert not Due.objects.exists()
    kept = buyer.post(f"{path}hold/", {"days": days, "fee": fee}, follow=True).content.decode()
    assert "credited when you accept" in kept
    quote = Quote.objects.get(pk=table.quote.pk)
    assert (quote.hold_days, quote.hold_fee) == (int(days), Decimal(fee))
    assert Due.objects.get().amount == Decimal(fee)


def test_staff_keep_a_customers_quote_longer_and_say_who_agreed(table: Table) -> None:
    sales, quote = browser_of(table.sales), table.quote
    path = reverse("admin:sell-keep", args=[quote.public_id])
    assert "Keep it longer" in sales.get(reverse("admin:sell-quote", args=[quote.public_id])).content.decode()
    sales.post(path, {"days": "4", "reason": "no"})
    sales.post(path, {"days": "99", "reason": "Anna Berg by phone, order 4711"})
    assert not Due.objects.exists()
    sales.post(path, {"days": "4", "reason": "Anna Berg by phone, order 4711"})
    assert Quote.objects.get(pk=quote.pk).hold_days == 4
    assert Entry.objects.get(verb="quote.held_longer_for_customer").reason == "Anna Berg by phone, order 4711"
    assert Due.objects.get().organisation == table.market.bank.organisation
