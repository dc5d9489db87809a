"""Four writers who want sixteen leases on room for eight: through quote and acceptance, each in a process of its own.

Blazar's layer, driven so, gives 16 of 16. Here exactly eight are quoted and accepted, and the others are refused.
"""

import pytest

from marketplace.capacity.queries import differences
from marketplace.change import change
from marketplace.units import clock
from pricing.quotes.need import parse_need
from pricing.quotes.queries import known_names
from pricing.quotes.search import search
from reservations.booking.models import Reservation
from tests.capacity import sold, total
from tests.market import H100_LIMITS, Market, open_market
from tests.races import buyers
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

ROOM, WRITERS, EACH = 8, 4, 4
GPUS = H100_LIMITS[0] // ROOM


@pytest.fixture
def market() -> Market:
    return open_market()


def offers(market: Market) -> list[str]:
    """One for each lease that is wanted, all of the same days, made before anything is taken."""
    need = parse_need(market.need(quantity=GPUS), today=market.today, known=known_names())
    organisation_id = market.bank.organisation.pk
    found = change.run(lambda: search(need=need, organisation_id=organisation_id, now=clock.now())).offers[0]
    return [found.id] * (WRITERS * EACH)


def test_of_sixteen_leases_on_room_for_eight_exactly_eight_are_given(market: Market) -> None:
    wanted = offers(market)
    share = [(wanted[at::WRITERS], market.bank.organisation.pk) for at in range(WRITERS)]
    outcomes = race(buyers.purchase, share)
    assert [each.error for each in outcomes] == [None] * WRITERS
    bought = [reservation for each in outcomes for reservation in each.value]
    assert len(bought) == len(set(bought)) == Reservation.objects.count() == ROOM
    assert sold(market.h100.pk) == total(market.h100.pk, "firm_committed") == ROOM * GPUS == H100_LIMITS[0]
    assert differences() == []
