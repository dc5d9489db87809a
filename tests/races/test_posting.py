"""Many sweeps at once over the same dues: each is posted once."""

from threading import Barrier, Thread

import pytest
from django.db import connections

from reservations.billing.models import Posting
from reservations.billing.queries import differences
from reservations.tasks import post_new_money
from tests.holding import held
from tests.market import open_market
from tests.reservations.test_booking import accept
from tests.reservations.test_money_ledger import charge

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_sweeps_at_once_post_nothing_twice() -> None:
    market = open_market()
    block = accept(market.bank, held(market, market.bank))
    for number in range(40):
        charge(block, "10", key=str(number))
    start, done = Barrier(4), []

    def sweep() -> None:
        start.wait()
        done.append(post_new_money())
        connections.close_all()

    threads = [Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    post_new_money()
    assert Posting.objects.count() == 40
    assert differences() == []
