from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from marketplace.journal.actor import SYSTEM
from marketplace.parties.chains import Step, set_chain
from marketplace.parties.models import APPROVER
from marketplace.units import clock
from marketplace.units.money import Money
from tests.faults.clients import Client
from tests.faults.stand import Stand
from tests.market import Market, key, party


@dataclass(frozen=True)
class Running:
    """A stand with its market open and its web server up."""

    stand: Stand
    market: Market
    bank: Client
    rival: Client
    asker: Client  # of an organisation whose purchases have to be approved
    approver: Client  # of the same


def approved_ones(stand: Stand) -> tuple[str, str]:
    """The keys of an organisation of two programs: one asks, the other one approves."""
    with stand.database():
        made = party("Trust Bank")
        steps, now = [Step(role=APPROVER)], clock.now()
        set_chain(organisation=made.organisation, above=Money(Decimal(0)), steps=steps, by=SYSTEM, now=now)
        return made.key, key(made.organisation, "read", "quote", "commit", "admin")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Running]:
    """One for all fault tests of this process: each asks for days of its own."""
    stand = Stand(tmp_path_factory.mktemp("faults"))
    try:
        with django_db_blocker.unblock():
            market = stand.open()
            stand.start_web()
            clients = (market.bank.key, market.rival.key, *approved_ones(stand))
            yield Running(stand, market, *(Client(stand.url, key) for key in clients))
    finally:
        stand.close()
