"""The demo's providers announce and hand over through the same doors, once."""

import pytest

from marketplace.units import clock
from reservations.booking import states
from reservations.delivery.models import Delivery
from reservations.management.deliver import deliver
from tests.delivery.conftest import Site

pytestmark = pytest.mark.django_db


def test_what_starts_soon_is_announced_and_what_may_be_is_handed_over(site: Site) -> None:
    with clock.frozen(site.at(-1)):
        assert (deliver(), deliver()) == (1, 0)
    assert [act.kind for act in Delivery.objects.get().acts.all()] == ["ready", "handover", "results", "accepted"]
    assert site.fresh().state(site.at(0)) == states.DELIVERED
