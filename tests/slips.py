"""The market of tests/market.py in which something slips: halls that stand, blocks that are sold, windows that open."""

from decimal import Decimal
from typing import Any

from marketplace.capacity.actions import publish_limits, publish_projection
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import MaintenanceWindow, Pool, Projection
from marketplace.supply.actions import project_supply
from marketplace.supply.disrupting import plan_maintenance, withdraw
from marketplace.units import clock
from pricing.quotes.contracts import ensure_default_contract
from reservations.booking.models import Reservation
from tests.market import Market, Party, open_market
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept

SCENARIOS, DAYS = 100, 400


def open_slipping_market() -> Market:
    found = open_market()
    let_it_slip(found)
    return found


def let_it_slip(market: Market) -> None:
    """Both halls stand: what is installed is certain, but for the derate. A small one far off lets firm be sold. And
    contracts have terms on delay from now on."""
    ensure_default_contract(now=clock.now())
    for pool in (market.h100, market.gb200):
        pool.projects.get().milestones.create(kind="power", planned=market.day(-9), actual=market.day(-9))
        far = pool.projects.create(campus=f"far {pool.pk}", ordinal=1, name="Far", gpus=72, mw=1, h100_equivalents=72)
        far.milestones.create(kind="chips", planned=market.day(390))


def reserved(market: Market, party: Party | None = None, **changed: Any) -> Reservation:
    """64 of the 4,096 GPUs for 30 days from day 10, unless asked otherwise."""
    party = party or market.bank
    return accept(party, take(market, party, **changed))


def projected(*pools: Pool) -> Projection:
    """Projects what is known now, and brings its limits into force."""
    projection = project_supply(reason="test", now=clock.now(), scenarios=SCENARIOS, days=DAYS)
    for pool in Pool.objects.all():
        change.run(lambda pool=pool: publish_limits(projection=projection, pool=pool))  # type: ignore[misc]
    change.run(lambda: publish_projection(projection=projection, now=clock.now()))
    return projection


def away(market: Market, pool: Pool, first: int, end: int, *, share: str) -> MaintenanceWindow:
    """Only a share of the pool is usable on those days."""
    window = MaintenanceWindow(pool=pool, starts=market.day(first), ends=market.day(end))
    window.usable_share, window.reason = Decimal(share), "a new cooling loop"
    return plan_maintenance(window=window, by=SYSTEM, now=clock.now())


def back(window: MaintenanceWindow) -> None:
    withdraw(stated=window, by=SYSTEM, now=clock.now(), reason="it was put off")
