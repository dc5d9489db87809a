"""Before there is anything to price: no forecast, no offer, and a refusal that says so."""

from datetime import timedelta

import pytest

from marketplace.units import clock
from pricing.demand.forecast import forecast_requests, read
from pricing.quotes.need import Need, Range
from pricing.quotes.relax import answer
from tests.market import party

pytestmark = pytest.mark.django_db


def test_before_there_is_a_projection_nothing_is_forecast() -> None:
    alone = party("Early Cloud")
    reading = read(seller_id=alone.organisation.pk, now=clock.now())
    assert (reading.pools, reading.places.days) == ((), 0)
    found = forecast_requests(
        seller_id=alone.organisation.pk, pools=[], first_day=clock.today(), days=30, now=clock.now(), seed=1
    )
    assert len(found) == 0


def test_before_there_are_prices_nothing_is_on_sale() -> None:
    now = clock.now()
    first = now.date() + timedelta(days=10)
    found = answer(need=Need(Range(8, 8), Range(1, 1), first, first, "firm"), organisation_id=1, now=now)
    assert found.refusal is not None
    assert (found.refusal.binding.constraint, found.refusal.nearest) == ("no_price", ())
