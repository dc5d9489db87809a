"""Changes of a reservation: quoted first, made once, whole or not; the ledger and the reservation never part."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.capacity.models import Claim, ClaimLine
from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.journal.models import Entry
from marketplace.units import clock
from marketplace.units.money import Money
from marketplace.units.period import Period
from pricing.quotes.actions import QuoteClosed, QuoteExpired, expire_quote
from pricing.quotes.contracts import ContractPolicy, publish_contract
from pricing.quotes.exits import INSOLVENCY, SHIPPED, SWITCHING
from pricing.quotes.models import Quote
from reservations.booking import states
from reservations.booking.actions import accept_quote
from reservations.booking.amendments import ReservationChange
from reservations.booking.changed import ChangeStale, SecondPersonNeeded
from reservations.booking.changes import CauseNeedsStaff, EvidenceMissing, Locked, NoticeTooShort, quote_change
from reservations.booking.dues import balance
from reservations.booking.lifecycle import NotInThisState, NotYourRole, ReservationNotFound
from reservations.booking.models import Reservation
from reservations.booking.money import Due
from reservations.booking.payments import record_receipt
from reservations.booking.pieces import parts, pieces_of
from reservations.booking.plans import Wish, WrongWish
from reservations.booking.unpaid import unpaid_changes
from reservations.tasks import settle_unpaid_changes
from tests.cockpit import staff
from tests.market import Market, Party, block_taken
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept

pytestmark = pytest.mark.django_db


@pytest.fixture
def block(market: Market) -> Reservation:
    """64 GPUs for 30 days from day 10 or so."""
    return accept(market.bank, take(market, market.bank))


def contract(market: Market, **said: Any) -> ContractPolicy:
    """Contracts of the h100 pool's seller say this from now on."""
    now = clock.now()
    policy = ContractPolicy(seller=market.seller.organisation, starts_at=now, reason="tests", **said)
    return publish_contract(policy=policy, by=market.seller.buyer.as_actor(None), now=now)


def ask(party: Party, reservation: Reservation, kind: str, *, roles: Any = None, **wish: Any) -> Quote:
    by = party.buyer.as_actor(party.organisation.pk)
    return change.run(
        lambda: quote_change(
            reservation=reservation.public_id,
            wish=Wish(kind, **wish),
            by=by,
            organisation_id=party.organisation.pk,
            roles=roles or {states.BUYER},
        )
    )


def make(party: Party, quote: Quote) -> Reservation:
    by = party.buyer.as_actor(party.organisation.pk)
    return change.run(lambda: accept_quote(public_id=quote.public_id, by=by, organisation_id=party.organisation.pk))


def holds_together(reservation: Reservation, turnaround: int = 0) -> None:
    """Entries equal totals, and what the claims hold is what the reservation has, with its turnaround."""
    reservation.refresh_from_db()
    assert differences() == []
    used: Counter[date] = Counter()
    for part in parts(reservation):
        used.update(dict.fromkeys(part.period, part.quantity))
    needed = {
        day: max(used[day - timedelta(days=back)] for back in range(turnaround + 1))
        for last in used
        for day in (last + timedelta(days=ahead) for ahead in range(turnaround + 1))
    }
    claimed: Counter[date] = Counter()
    lines = ClaimLine.objects.filter(claim_id__in=reservation.claim_ids, claim__status="committed")
    for line in lines:
        claimed.update(dict.fromkeys(Period(line.start, line.occupied_end), line.quantity))
    assert dict(claimed) == {day: gpus for day, gpus in needed.items() if gpus}
    assert sum(piece.cents for piece in pieces_of(reservation)) == int(reservation.total.scaleb(2))


def test_an_extension_is_priced_held_and_made_once(market: Market, block: Reservation) -> None:
    end = block.end + timedelta(days=10)
    quote = ask(market.bank, block, "extend", end=end)
    held = Claim.objects.get(holder=quote.public_id)
    assert (held.status, held.expires_at) == ("held", quote.expires_at)
    assert [(line.start, line.end, line.quantity) for line in held.lines.all()] == [(block.end, end, 64)]
    assert [each["code"] for each in quote.lines] == ["added"]
    assert (quote.kind, quote.changes, quote.total > 0) == ("extend", block.public_id, True)
    block.refresh_from_db()
    assert block.end < end
    longer = make(market.bank, quote)
    assert (longer.pk, longer.end, longer.total) == (block.pk, end, block.total + quote.total)
    assert longer.next_at == states.midnight(block.start)
    holds_together(longer)
    with pytest.raises(QuoteClosed, match="accepted"):
        make(market.bank, quote)
    assert Entry.objects.filter(subject=block.public_id, verb="reservation.extend").count() == 1


def test_an_extension_that_is_not_taken_changes_nothing_and_frees_its_days(market: Market, block: Reservation) -> None:
    quote = ask(market.bank, block, "extend", end=block.end + timedelta(days=5))
    with clock.frozen(quote.expires_at):
        with pytest.raises(QuoteExpired):
            make(market.bank, quote)
        assert expire_quote(quote_id=quote.pk) is not None
    assert Claim.objects.get(holder=quote.public_id).status == "released"
    holds_together(block)


def test_what_is_added_must_fit(market: Market, block: Reservation) -> None:
    block_taken(market.h100, Period(block.end, block.end + timedelta(days=2)), 2048)
    with pytest.raises(InsufficientHeadroom):
        ask(market.bank, block, "extend", end=block.end + timedelta(days=1))
    assert not ReservationChange.objects.exists()
    assert Quote.objects.count() == 1


def test_moving_by_a_few_days_uses_the_days_that_are_mine(market: Market) -> None:
    """All of the pool is mine: a move by five days claims the five new days alone."""
    whole = accept(market.bank, take(market, market.bank, quantity=2048))
    start = whole.start + timedelta(days=5)
    quote = ask(market.bank, whole, "move", start=start)
    (line,) = Claim.objects.get(holder=quote.public_id).lines.all()
    assert (line.start, line.end, line.quantity) == (whole.end, whole.end + timedelta(days=5), 2048)
    assert [(each["code"], each["quantity"]) for each in quote.lines] == [("added", 2048), ("returned", 2048)]
    moved = make(market.bank, quote)
    assert (moved.start, moved.end - moved.start) == (start, timedelta(days=30))
    holds_together(moved)


def test_more_gpus_from_a_day_on(market: Market, block: Reservation) -> None:
    day = block.start + timedelta(days=10)
    quote = ask(market.bank, block, "resize", quantity=96, starting=day)
    larger = make(market.bank, quote)
    assert [(part.period.start, part.quantity) for part in parts(larger)] == [(block.start, 64), (day, 96)]
    assert larger.quantity == 96
    holds_together(larger)


def test_fewer_gpus_come_back_at_their_worth_less_the_fee_that_was_agreed(market: Market, block: Reservation) -> None:
    quote = ask(market.bank, block, "resize", quantity=32)
    row = ReservationChange.objects.get()
    assert row.returned == (block.total / 2).quantize(Decimal("0.01"))
    # The first day is 10 to 20 days ahead: 60 % by the shipped contract.
    assert row.fee == (row.returned * 60 / 100).quantize(Decimal("0.01"), rounding="ROUND_DOWN")
    assert quote.total == row.fee - row.returned
    assert quote.claim_id is None
    smaller = make(market.bank, quote)
    assert smaller.total == block.total - row.returned
    holds_together(smaller)
    fee = Due.objects.get(reservation=block)
    assert (fee.reason, fee.amount) == ("fee", row.fee)


def test_a_cancelled_reservation_gives_everything_back(market: Market, block: Reservation) -> None:
    longer = make(market.bank, ask(market.bank, block, "extend", end=block.end + timedelta(days=10)))
    gone = make(market.bank, ask(market.bank, longer, "cancel"))
    assert (gone.status, str(gone.total), gone.next_at) == (states.CANCELLED, "0.00", None)
    assert set(Claim.objects.filter(pk__in=gone.claim_ids).values_list("status", flat=True)) == {"released"}
    holds_together(gone)
    assert gone.transitions.get().after == states.CANCELLED


def test_a_running_block_ends_early_and_the_clock_ends_it(market: Market, block: Reservation) -> None:
    with clock.frozen(states.midnight(block.start + timedelta(days=3))):
        end = block.start + timedelta(days=8)
        shorter = make(market.bank, ask(market.bank, block, "end_early", end=end))
        assert (shorter.status, shorter.end) == (states.DELIVERED, end)
        assert shorter.state(states.midnight(end)) == states.ENDED
        holds_together(shorter)
        with pytest.raises(WrongWish, match="Choose a day from"):
            ask(market.bank, shorter, "end_early", end=clock.today())


def test_what_was_paid_up_front_comes_back_as_the_contract_says(market: Market) -> None:
    exits = {**SHIPPED, "convenience": {"notice_days": 0, "fee": [[0, 1000]], "refund": 80}}
    contract(market, exits=exits, deposit_percent=50)
    block = accept(market.bank, take(market, market.bank))
    assert block.status == states.PENDING_PAYMENT
    owed = balance(block)
    assert owed == (block.total / 2).quantize(Decimal("0.01"), rounding="ROUND_HALF_EVEN")
    pay(block, owed)
    make(market.bank, ask(market.bank, block, "cancel"))
    row = ReservationChange.objects.get()
    half = (block.total * 50 // Decimal("0.01") / 100 * Decimal("0.01")).quantize(
        Decimal("0.01"), rounding="ROUND_DOWN"
    )
    assert row.refund == (half * 80 / 100).quantize(Decimal("0.01"), rounding="ROUND_DOWN")
    assert row.kept == half - row.refund
    assert balance(block) == row.fee - row.refund


def pay(block: Reservation, amount: Decimal) -> None:
    by = block.quote.organisation.memberships.first().user.as_actor(None)  # type: ignore[union-attr]
    record_receipt(
        reservation=block.public_id,
        bank_reference=f"BANK-{block.pk}-{block.revision}",
        amount=amount,
        currency="USD",
        received_on=clock.today(),
        by=by,
    )


def test_an_unpaid_block_is_given_up_at_no_cost(market: Market) -> None:
    contract(market, deposit_percent=20)
    block = accept(market.bank, take(market, market.bank))
    quote = ask(market.bank, block, "cancel")
    row = ReservationChange.objects.get()
    assert (row.fee, row.refund, quote.total) == (Decimal(0), Decimal(0), -block.total)
    gone = make(market.bank, quote)
    assert (gone.status, balance(gone)) == (states.CANCELLED, Decimal(0))
    holds_together(gone)


def test_terms_are_locked_from_a_moment_before_the_start(market: Market, block: Reservation) -> None:
    with clock.frozen(states.midnight(block.start) - timedelta(hours=24)):
        near: dict[str, dict[str, Any]] = {"resize": {"quantity": 32}, "move": {"start": block.end}, "cancel": {}}
        for kind, wish in near.items():
            with pytest.raises(Locked, match="can no longer change"):
                ask(market.bank, block, kind, **wish)
    assert not ReservationChange.objects.exists()


def test_notice_is_kept(market: Market, block: Reservation) -> None:
    with pytest.raises(NoticeTooShort, match="60 days' notice"):
        ask(market.bank, block, "cancel", cause=SWITCHING)
    far = accept(market.bank, take(market, market.bank, start=window(market, 90)))
    assert ask(market.bank, far, "cancel", cause=SWITCHING).kind == "cancel"


def window(market: Market, day: int) -> dict[str, str]:
    return {"from": market.day(day).isoformat(), "to": market.day(day + 5).isoformat()}


def test_a_cause_that_is_not_mine_takes_staff_evidence_and_a_second_person(market: Market, block: Reservation) -> None:
    with pytest.raises(CauseNeedsStaff):
        ask(market.bank, block, "cancel", cause=INSOLVENCY)
    first, second = (staff(name).as_actor(None) for name in ("first", "second"))

    def by_staff(reason: str, evidence: str = "") -> Quote:
        wish = Wish("cancel", cause=INSOLVENCY, reason=reason, evidence=evidence)
        return quote_change(
            reservation=block.public_id, wish=wish, by=first, organisation_id=None, roles={states.STAFF}
        )

    with pytest.raises(EvidenceMissing):
        by_staff("They went insolvent.")
    quote = by_staff("They went insolvent.", "case 4 IN 12/27")
    whose = market.bank.organisation.pk
    with pytest.raises(SecondPersonNeeded):
        change.run(lambda: accept_quote(public_id=quote.public_id, by=first, organisation_id=whose))
    block.refresh_from_db()
    assert block.status == states.SCHEDULED
    change.run(lambda: accept_quote(public_id=quote.public_id, by=second, organisation_id=whose))
    block.refresh_from_db()
    assert (block.status, ReservationChange.objects.get().fee) == (states.CANCELLED, Decimal(0))


def test_a_quote_for_a_reservation_that_has_changed_since_is_stale(market: Market, block: Reservation) -> None:
    first = ask(market.bank, block, "extend", end=block.end + timedelta(days=2))
    second = ask(market.bank, block, "resize", quantity=32)
    make(market.bank, first)
    with pytest.raises(ChangeStale):
        make(market.bank, second)
    second.refresh_from_db()
    assert second.status == "open"
    holds_together(block)


def test_a_stranger_and_a_viewer_change_nothing(market: Market, block: Reservation) -> None:
    with pytest.raises(ReservationNotFound):
        ask(market.rival, block, "cancel")
    with pytest.raises(NotYourRole):
        ask(market.bank, block, "cancel", roles={"viewer"})
    with clock.frozen(states.midnight(block.end)), pytest.raises(NotInThisState, match="ended"):
        ask(market.bank, block, "extend", end=block.end + timedelta(days=1))
    assert not ReservationChange.objects.exists()


@pytest.mark.parametrize(
    ("kind", "wish", "said"),
    [
        ("extend", {}, "Give the day"),
        ("extend", {"end": -1}, "choose a later day"),
        ("resize", {"quantity": 60}, "enter 64 or 56"),
        ("resize", {"quantity": 64}, "nothing would change"),
        ("resize", {}, "above 0"),
        ("resize", {"quantity": 8, "starting": 100}, "Choose a day from"),
        ("move", {"start": -400}, "or a later day"),
    ],
)
def test_a_wish_that_makes_no_sense_hears_what_would_be_right(
    market: Market, block: Reservation, kind: str, wish: dict[str, int], said: str
) -> None:
    days = {"end": block.end, "starting": block.end, "start": block.start}
    asked = {name: days[name] + timedelta(days=value) if name in days else value for name, value in wish.items()}
    with pytest.raises(WrongWish, match=said):
        ask(market.bank, block, kind, **asked)
    assert Quote.objects.count() == 1


def test_the_price_of_an_extension_counts_what_others_use_and_not_my_turnaround(market: Market) -> None:
    contract(market, turnaround_days=2)
    block = accept(market.bank, take(market, market.bank))
    assert ClaimLine.objects.get(claim_id=block.claim_id).occupied_end == block.end + timedelta(days=2)
    end = block.end + timedelta(days=10)
    quote = ask(market.bank, block, "extend", end=end)
    (line,) = Claim.objects.get(holder=quote.public_id).lines.all()
    assert (line.start, line.occupied_end) == (block.end + timedelta(days=2), end + timedelta(days=2))
    same = take(
        market, market.rival, start={"from": block.end.isoformat(), "to": block.end.isoformat()}, duration_days=10
    )
    cheap, dear = sorted((quote.total, same.total))
    assert cheap == quote.total, "the rival comes after the extension"
    assert dear - cheap < cheap / 10
    make(market.bank, quote)
    holds_together(block, turnaround=2)


KINDS = st.sampled_from(["extend", "resize", "move", "end_early", "cancel"])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(KINDS, st.integers(1, 12), st.booleans()), min_size=1, max_size=5),
    turnaround=st.integers(0, 2),
)
def test_any_sequence_of_changes_leaves_ledger_and_reservation_together(
    market: Market, steps: list[tuple[str, int, bool]], turnaround: int
) -> None:
    contract(market, turnaround_days=turnaround, exits={**SHIPPED})
    block = accept(market.bank, take(market, market.bank))
    for kind, number, taken in steps:
        wishes: dict[str, dict[str, Any]] = {
            "extend": {"end": block.end + timedelta(days=number)},
            "resize": {"quantity": 8 * number, "starting": block.start + timedelta(days=number)},
            "move": {"start": block.start + timedelta(days=number - 6)},
            "end_early": {"end": block.start + timedelta(days=number)},
            "cancel": {},
        }
        try:
            quote = ask(market.bank, block, kind, **wishes[kind])
        except (NotInThisState, WrongWish, Locked):
            continue
        if taken:
            make(market.bank, quote)
        holds_together(block, turnaround)
    assert Money(block.total).amount >= 0


def prepaid(market: Market) -> Reservation:
    """A block of which half was due up front, and came in."""
    contract(market, deposit_percent=50)
    block = accept(market.bank, take(market, market.bank))
    pay(block, balance(block))
    return block


def test_an_extension_that_is_not_paid_for_is_given_back_at_no_fee(market: Market) -> None:
    block = prepaid(market)
    end, total = block.end, block.total
    longer = make(market.bank, ask(market.bank, block, "extend", end=end + timedelta(days=10)))
    change_made = ReservationChange.objects.get()
    assert change_made.pay_by is not None
    with clock.frozen(change_made.pay_by - timedelta(seconds=1)):
        assert settle_unpaid_changes() == 0
    with clock.frozen(change_made.pay_by):
        assert [settle_unpaid_changes(), settle_unpaid_changes()] == [1, 0]
    longer.refresh_from_db()
    assert (longer.end, longer.total, longer.quantity) == (end, total, 64)
    assert balance(longer) == 0
    holds_together(longer)
    assert Entry.objects.filter(verb="reservation.change_lapsed", subject=longer.public_id).count() == 1


def test_an_extension_that_is_paid_for_stays(market: Market) -> None:
    block = prepaid(market)
    longer = make(market.bank, ask(market.bank, block, "extend", end=block.end + timedelta(days=10)))
    pay(longer, balance(longer))
    with clock.frozen(clock.now() + timedelta(days=8)):
        assert settle_unpaid_changes() == 0
        assert not unpaid_changes(clock.now()).exists()
    before = longer.end
    longer.refresh_from_db()
    assert (longer.end, balance(longer)) == (before, Decimal(0))


def test_days_of_an_unpaid_change_that_have_begun_are_used_and_owed(market: Market) -> None:
    """Twice the GPUs for the whole block, unpaid: those of the days until the deadline, and of that day, are used."""
    contract(market, deposit_percent=50, payment_days=25, handover="clock")
    block = accept(market.bank, take(market, market.bank))
    pay(block, balance(block))
    make(market.bank, ask(market.bank, block, "resize", quantity=128))
    change_made = ReservationChange.objects.get()
    assert change_made.pay_by is not None
    with clock.frozen(change_made.pay_by):
        assert settle_unpaid_changes() == 1
    block.refresh_from_db()
    more = [part.period for part in parts(block) if part.quantity == 128]
    assert more == [Period(block.start, change_made.pay_by.date() + timedelta(days=1))]
    assert 0 < balance(block) < change_made.due_now
    holds_together(block)
