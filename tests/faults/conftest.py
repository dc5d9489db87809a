from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.clients import Client
from tests.faults.stand import Stand
from tests.market import Market


@dataclass(frozen=True)
class Running:
    """A stand with its market open and its web server up."""

    stand: Stand
    market: Market
    bank: Client
    rival: Client


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Running]:
    """One for all fault tests of this process: each asks for days of its own."""
    stand = Stand(tmp_path_factory.mktemp("faults"))
    try:
        with django_db_blocker.unblock():
            market = stand.open()
            stand.start_web()
            yield Running(stand, market, Client(stand.url, market.bank.key), Client(stand.url, market.rival.key))
    finally:
        stand.close()
