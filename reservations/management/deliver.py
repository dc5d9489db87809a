"""Deliveries in the demo market: invented providers that announce, hand over and are tested, through the same doors."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from marketplace.change import change
from marketplace.journal.actor import Actor
from marketplace.units import clock
from pricing.quotes.handover import NODE
from reservations.booking import states
from reservations.booking.delivery import HAND_OVER_AHEAD
from reservations.booking.late import open_gpus
from reservations.booking.models import Reservation
from reservations.delivery import actions
from reservations.delivery.models import Delivery
from reservations.delivery.verdicts import FABRIC_NODE, Result

SOON = timedelta(days=21)
MOST = 12
CONTACT = "Site desk (invented), +00 0000 0000"


def deliver() -> int:
    """Announces what starts soon, and hands over what may be: the first is accepted, one fails a test, others wait.

    Once: where something was delivered already, nothing more is.
    """
    if Delivery.objects.exists():
        return 0
    today = clock.today()
    rows = Reservation.objects.filter(status=states.SCHEDULED, handover="provider", start__lte=today + SOON)
    due = list(rows.select_related("pool", "quote").order_by("start", "id")[:MOST])
    for number, block in enumerate(due):
        _announce(block)
        if states.midnight(block.start) - HAND_OVER_AHEAD <= clock.now() and number < 3:
            _hand_over(block, number)
    return len(due)


def _announce(block: Reservation) -> None:
    change.run(lambda: actions.say_ready(ready_on=block.start, contact=CONTACT, **_provider(block)))


def _hand_over(block: Reservation, number: int) -> None:
    access = f"Ticket {4711 + number}, invented"
    change.run(lambda: actions.hand_over(contact=CONTACT, access_reference=access, **_provider(block)))
    if number < 2:
        found = list(_results(block, fails=number == 1))
        change.run(lambda: actions.post_results(results=found, **_provider(block)))
    if number == 0:
        change.run(lambda: actions.accept(**_customer(block)))


def _results(block: Reservation, *, fails: bool) -> Iterator[Result]:
    """Every node and the fabric pass; where something shall fail, the last node does."""
    nodes = max(open_gpus(block) // block.pool.lot, 1)
    for test in block.quote.contract_terms.tests:
        if test.scope == NODE:
            for number in range(1, nodes + 1):
                bad = fails and number == nodes and test.name == "burn_in_hours"
                yield Result(f"node-{number:03d}", test.name, Decimal(7) if bad else test.threshold)
        elif test.name != "failed_node_percent":
            yield Result(FABRIC_NODE, test.name, test.threshold + 12)


def _provider(block: Reservation) -> dict[str, Any]:
    seller = block.pool.seller_id
    return {
        "reservation": block.public_id,
        "by": Actor("demo provider", organisation_id=seller),
        "roles": frozenset({states.PROVIDER}),
        "seller_id": seller,
    }


def _customer(block: Reservation) -> dict[str, Any]:
    return {
        "reservation": block.public_id,
        "by": Actor("demo market", organisation_id=block.organisation_id),
        "roles": states.CUSTOMER,
        "organisation_id": block.organisation_id,
    }
