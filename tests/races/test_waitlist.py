"""Sweeps of the waitlist at once: who joined first is served first, each once, and no more than there is room for."""

import pytest

from marketplace.capacity.queries import differences
from reservations.booking.waitlist.models import WaitlistEntry, WaitlistOffer
from tests.market import open_market
from tests.races import buyers
from tests.races.racing import race
from tests.reservations.test_waitlist import free, sold_out, wish

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_four_sweeps_at_once_the_queue_is_served_in_order_and_nobody_twice() -> None:
    market = open_market()
    sold_out(market)
    entries = [wish(market, (market.bank, market.rival)[number % 2]) for number in range(6)]
    free(market, 3 * 64)
    outcomes = race(buyers.serve_waitlist, [()] * 4)
    assert [each.error for each in outcomes] == [None] * 4
    assert sum(each.value for each in outcomes) == WaitlistOffer.objects.count() == 3
    offered = set(WaitlistEntry.objects.filter(status="offered").values_list("pk", flat=True))
    assert offered == {entry.pk for entry in entries[:3]}
    assert differences() == []
