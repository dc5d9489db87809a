"""The ledger of money: every due and receipt on it once, balanced, never edited, and equal to what it came from."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.change import change
from marketplace.units import clock
from marketplace.units.money import Money
from reservations.billing.accounts import AGAINST, BANK, DEFERRED, RECEIVABLE
from reservations.billing.models import Posting, PostingLine
from reservations.billing.posting import post_new
from reservations.billing.queries import account_of, balances, differences, trial_balance
from reservations.booking.dues import balance, owe
from reservations.booking.models import Reservation
from reservations.booking.money import FEE, REASONS, Due, Receipt
from reservations.booking.payments import record_receipt
from reservations.tasks import post_new_money
from tests.cockpit import Cockpit, signed_in
from tests.contracts.conftest import calls_of
from tests.holding import held
from tests.market import Market
from tests.reservations.test_booking import accept


@pytest.fixture
def block(market: Market) -> Reservation:
    return accept(market.bank, held(market, market.bank))


def charge(block: Reservation, amount: str, reason: str = FEE, key: str = "one") -> None:
    now = clock.now()
    money = Money(Decimal(amount), block.currency)
    change.run(lambda: owe(block, key=key, money=money, reason=reason, due_at=now + timedelta(days=7), now=now))


def pay(market: Market, block: Reservation, amount: str, reference: str = "SWIFT-1") -> None:
    by = market.seller.buyer.as_actor(None)
    change.run(
        lambda: record_receipt(
            reservation=block.public_id,
            bank_reference=reference,
            amount=Decimal(amount),
            currency=block.currency,
            received_on=clock.today(),
            by=by,
        )
    )


def lines(key: str) -> dict[str, Decimal]:
    return dict(PostingLine.objects.filter(posting__key__startswith=key).values_list("account", "amount"))


def test_every_reason_of_a_due_has_its_account() -> None:
    assert set(AGAINST) == {reason for reason, _ in REASONS}


def test_a_due_and_a_receipt_are_posted_once(market: Market, block: Reservation) -> None:
    charge(block, "120.50", "up_front")
    pay(market, block, "100")
    assert [post_new_money(), post_new_money()] == [2, 0]
    assert lines("due:") == {RECEIVABLE: Decimal("120.50"), DEFERRED: Decimal("-120.50")}
    assert lines("receipt:") == {BANK: Decimal(100), RECEIVABLE: Decimal(-100)}
    assert differences() == []
    assert [each.money for each in balances(market.bank.organisation.pk)] == [Money(Decimal("20.50"))]


def test_a_posting_that_does_not_balance_is_refused_by_the_database(market: Market, block: Reservation) -> None:
    charge(block, "10")
    post_new_money()
    posting = Posting.objects.get()
    for wrong in ({"bank": 5}, {"bank": 5, "credits": -4}):
        more = [PostingLine(posting=posting, account=account, amount=amount) for account, amount in wrong.items()]
        with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():
            PostingLine.objects.bulk_create(more)
    assert PostingLine.objects.count() == 2


def test_nothing_on_the_ledger_is_edited_or_removed(market: Market, block: Reservation) -> None:
    charge(block, "10")
    post_new_money()
    for table in ("reservations_posting", "reservations_postingline"):
        for sql in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id"):
            with (
                pytest.raises(IntegrityError, match="append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(sql)
    assert Posting.objects.count() == 1


def test_what_a_repeat_would_post_again_is_refused_by_its_key(market: Market, block: Reservation) -> None:
    charge(block, "10")
    post_new_money()
    Due.objects.update(posted=False)  # as if the mark had been lost
    with pytest.raises(IntegrityError, match="key"), transaction.atomic():
        post_new(now=clock.now())
    assert Posting.objects.count() == 1


def test_money_that_came_too_late_is_owed_back(market: Market, block: Reservation) -> None:
    Reservation.objects.filter(pk=block.pk).update(status="cancelled", next_at=None)
    pay(market, block, "75")
    post_new_money()
    assert differences() == []
    assert [each.money for each in balances(market.bank.organisation.pk)] == [Money(Decimal(-75))]
    assert {total.account: total.amount for total in trial_balance()}["unapplied"] == 0


AMOUNTS = st.decimals(min_value=Decimal("-5000"), max_value=Decimal(5000), places=2).filter(bool)
EVENTS = st.lists(st.tuples(st.sampled_from([*AGAINST, "receipt"]), AMOUNTS, st.booleans()), min_size=1, max_size=12)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_any_order_of_events_and_sweeps_leaves_the_books_balanced_and_equal_to_the_contract(
    market: Market, block: Reservation, events: list[tuple[str, Decimal, bool]]
) -> None:
    run = Posting.objects.count() + Due.objects.count() + Receipt.objects.count()
    for number, (what, amount, sweeps) in enumerate(events):
        if what == "receipt":
            pay(market, block, str(abs(amount)), f"SWIFT-{run}-{number}")
        else:
            charge(block, str(amount), what, f"{run}-{number}")
        if sweeps:
            post_new_money()
    post_new_money()
    assert differences() == []
    owed = sum((each.money.amount for each in balances(market.bank.organisation.pk)), Decimal(0))
    assert owed == balance(block)
    entries = list(account_of(market.bank.organisation.pk))
    assert entries[0].balance == owed
    assert sum(each.amount for each in entries) == owed


def test_the_account_reads_the_same_on_the_page_over_rest_and_as_csv(market: Market, block: Reservation) -> None:
    charge(block, "120.50")
    pay(market, block, "100")
    post_new_money()
    caller, client = calls_of(market.bank), Client()
    client.force_login(market.bank.buyer)
    (owed,) = caller.get("/balances").json()["data"]
    assert owed["amount"] == {"amount": "20.50", "currency": "USD"}
    rows = caller.get("/account-entries").json()["data"]
    assert [(row["kind"], row["amount"]["amount"], row["balance"]["amount"]) for row in rows] == [
        ("receipt", "-100.00", "20.50"),
        ("fee", "120.50", "120.50"),
    ]
    page = client.get("/billing/").content.decode()
    assert "$20.50" in page
    assert "$120.50" in page
    exported = b"".join(client.get("/billing.csv").streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert [line.split(",")[-3:] for line in exported[1:]] == [["-100.00", "20.50", "USD"], ["120.50", "120.50", "USD"]]


def test_a_page_of_the_account_goes_on_where_the_one_before_ended(market: Market, block: Reservation) -> None:
    for number in range(3):
        charge(block, "10", key=str(number))
    post_new_money()
    caller = calls_of(market.bank)
    first = caller.get("/account-entries?limit=2").json()
    second = caller.get(f"/account-entries?limit=2&after={first['data'][-1]['id']}").json()
    found = [row["balance"]["amount"] for row in first["data"] + second["data"]]
    assert found == ["30.00", "20.00", "10.00"]


def test_an_organisation_sees_its_own_account_only(market: Market, block: Reservation) -> None:
    charge(block, "10")
    post_new_money()
    rival = calls_of(market.rival)
    assert rival.get("/balances").json()["data"] == []
    assert rival.get("/account-entries").json()["data"] == []


def test_staff_see_the_trial_balance_and_a_difference_where_there_is_one(cockpit: Cockpit) -> None:
    page = reverse("admin:trial-balance")
    assert "balances, and agrees" in signed_in(cockpit.sales).get(page).content.decode()
    assert signed_in(cockpit.guest).get(page).status_code == 403


def test_the_command_fails_where_the_books_disagree(
    market: Market, block: Reservation, capsys: pytest.CaptureFixture[str]
) -> None:
    charge(block, "10")
    post_new_money()
    call_command("check_books")
    Due.objects.update(amount=Decimal(11))  # as nobody can through any door
    with pytest.raises(SystemExit):
        call_command("check_books")
    assert "the ledger has 10.00 owed, dues less receipts are 11.00" in capsys.readouterr().out
