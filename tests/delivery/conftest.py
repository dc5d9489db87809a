"""A block that its provider hands over: 64 H100, eight nodes of 8, for 30 days, tested by the shipped tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.units import clock
from pricing.quotes.contracts import ContractPolicy, publish_contract
from reservations.booking import states
from reservations.booking.models import Reservation
from reservations.delivery import actions
from reservations.delivery.models import Delivery
from reservations.delivery.verdicts import FABRIC_NODE, Result
from tests.market import Market, open_market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept

NODES = tuple(f"node-{number}" for number in range(1, 9))


def results(*bad: str, nodes: Sequence[str] = NODES, fabric: str = "360") -> list[Result]:
    """Everything passes but the nodes named, which failed the burn-in."""
    found = [Result(FABRIC_NODE, "collective_gb_s", Decimal(fabric))] if fabric else []
    for node in nodes:
        found.append(Result(node, "burn_in_hours", Decimal(3 if node in bad else 24)))
        found.append(Result(node, "memory_errors", Decimal(0)))
    return found


@dataclass(frozen=True)
class Site:
    """The market, a block in it, and the acts of both sides on days of the block, counted from 0."""

    market: Market
    block: Reservation

    def at(self, day: int, hours: int = 12) -> datetime:
        return states.midnight(self.block.start + timedelta(days=day)) + timedelta(hours=hours)

    def fresh(self) -> Reservation:
        return Reservation.objects.get(pk=self.block.pk)

    def provider(self, verb: str, day: int, **said: Any) -> Delivery:
        who = self.market.seller
        return self._do(
            verb,
            day,
            by=who.buyer.as_actor(who.organisation.pk),
            roles=frozenset({states.PROVIDER}),
            seller_id=who.organisation.pk,
            **said,
        )

    def customer(self, verb: str, day: int, **said: Any) -> Delivery:
        who = self.market.bank
        return self._do(
            verb,
            day,
            by=who.buyer.as_actor(who.organisation.pk),
            roles=states.roles_of_member("buyer"),
            organisation_id=who.organisation.pk,
            **said,
        )

    def _do(self, verb: str, day: int, **said: Any) -> Delivery:
        with clock.frozen(self.at(day)):
            return change.run(lambda: getattr(actions, verb)(reservation=self.block.public_id, **said))

    def give(self, day: int = 0) -> Delivery:
        return self.provider("hand_over", day, contact="ops@northwind.example", access_reference="ticket 4711")


@pytest.fixture
def site(db: None) -> Site:
    market, now = open_market(), clock.now()
    publish_contract(policy=ContractPolicy(starts_at=now, reason="by the provider"), by=SYSTEM, now=now)
    return Site(market, accept(market.bank, take(market, market.bank)))
