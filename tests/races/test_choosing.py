"""What was offered is kept: under 32 choosers and rivals at once, whatever they choose is there for them."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from marketplace.capacity.models import Claim
from marketplace.capacity.queries import differences
from marketplace.units import clock
from marketplace.units.period import Period
from reservations.allocation.announcing import Announcement
from reservations.allocation.remedies import MOVE, SUBSTITUTE, WAIT, Remedy
from reservations.booking.models import Reservation
from reservations.tasks import settle_due_remedies
from tests.market import Market, open_market
from tests.pricing.test_quotes import take
from tests.races import buyers
from tests.races.racing import race
from tests.reservations.test_booking import accept
from tests.reservations.test_changes import holds_together
from tests.slipping import WHY, contracts, move, second_hall, substitute, told, told_all, wait

pytestmark = pytest.mark.django_db(transaction=True)
CHOOSERS = 32


@pytest.fixture
def market() -> Market:
    return open_market()


def settled(remedy: Remedy) -> None:
    with clock.frozen(remedy.deadline + timedelta(seconds=1)):
        settle_due_remedies()


def test_of_32_choosers_of_one_remedy_the_last_word_stands_and_only_its_hold_remains(market: Market) -> None:
    contracts(market)
    block = accept(market.bank, take(market, market.bank))
    hall = second_hall(market, limit=64)
    remedy = told(block, wait(block, 11), substitute(block, hall), move(block, 60))
    ids = [each.public_id for each in remedy.choices.all()]
    bank = market.bank
    outcomes = race(
        buyers.choose_remedy,
        [(remedy.public_id, ids[n % 3], bank.buyer.pk, bank.organisation.pk) for n in range(CHOOSERS)],
    )
    assert {each.error for each in outcomes} == {None}
    remedy.refresh_from_db()
    chosen = remedy.chosen
    assert chosen is not None
    settled(remedy)
    remedy.refresh_from_db()
    assert (remedy.settled_as, remedy.note) == (chosen, "")
    assert not Claim.objects.filter(status="held").exists()
    holds_together(block)


def test_32_buyers_choose_while_rivals_buy_what_is_left_and_everybody_gets_what_was_offered(market: Market) -> None:
    """A hall with room for 12 of the 16 buyers: 12 are offered it, and keep it though 16 rivals want the same days."""
    contracts(market)
    day = market.day(10).isoformat()
    blocks = [accept(market.bank, take(market, market.bank, start={"from": day, "to": day})) for _ in range(16)]
    hall = second_hall(market, limit=12 * 64 + 8)
    done = told_all([Announcement(each, (wait(each, 5), substitute(each, hall)), WHY) for each in blocks])
    offered = [remedy for remedy in done.remedies if remedy.choices.filter(kind=SUBSTITUTE).exists()]
    assert len(offered) == 12
    bank, days = market.bank, Period(blocks[0].start, blocks[0].end)
    choosers = [
        ("choose", remedy.public_id, remedy.choices.get(kind=SUBSTITUTE).public_id, bank.buyer.pk, bank.organisation.pk)
        for remedy in offered
    ]
    choosers += [
        ("choose", remedy.public_id, remedy.choices.get(kind=WAIT).public_id, bank.buyer.pk, bank.organisation.pk)
        for remedy in done.remedies
        if remedy not in offered
    ]
    rivals = [("buy", hall.pk, days.start, days.end, 8) for _ in range(CHOOSERS - len(choosers))]
    outcomes = race(buyers.choose_or_buy, [*choosers, *rivals])
    assert {each.error for each in outcomes[: len(choosers)]} == {None}
    assert Counter(each.error for each in outcomes[len(choosers) :])["InsufficientHeadroom"] == len(rivals) - 1
    settled(done.remedies[0])
    for block in blocks:
        holds_together(block)
    assert Reservation.objects.filter(pool=hall).count() == 12
    assert {each.note for each in Remedy.objects.all()} == {""}
    assert differences() == []


def test_twin_without_holds_rivals_take_what_was_offered(market: Market) -> None:
    """With the hold given back, a rival is served first, and what was offered cannot take effect."""
    contracts(market)
    block = accept(market.bank, take(market, market.bank))
    hall = second_hall(market, limit=64)
    remedy = told(block, wait(block, 11), substitute(block, hall))
    held = remedy.choices.get(kind=SUBSTITUTE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT capacity_move(%s, 'held', 'released', %s)", [held.claim_id, clock.now()])
    outcomes = race(buyers.choose_or_buy, [("buy", hall.pk, block.start, block.end, 64)])
    assert [each.error for each in outcomes] == [None]
    bank = market.bank
    outcomes = race(buyers.choose_remedy, [(remedy.public_id, held.public_id, bank.buyer.pk, bank.organisation.pk)])
    assert [each.error for each in outcomes] == ["HoldGone"]
    assert remedy.choices.filter(kind=MOVE).count() == 0
