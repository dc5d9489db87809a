"""What others have already taken in the demo market: invented blocks, bought through the same doors as any."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.change import change
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.parties.models import ADMIN, Membership, Organisation, User
from marketplace.supply.disrupting import plan_maintenance
from marketplace.supply.models import MaintenanceWindow
from marketplace.units import clock
from marketplace.units.firmness import FIRM, STANDARD
from marketplace.units.period import Period
from pricing.quotes.actions import take_quote
from pricing.quotes.holds import HoldLimit
from pricing.quotes.need import Need, Range
from pricing.quotes.search import search
from reservations.booking.actions import accept_quote
from reservations.management.house_rules import let_buy

BUYER = {"name": "Ravensmoor Research", "legal_name": "Ravensmoor Research Ltd (invented)", "country": "GB"}
SEED = 20261123
BLOCKS_A_POOL = 7
RUNNING = 3
SLIPS = (45, 66)  # days from today on which a cooling loop is replaced
# Of what a pool has left, a block takes this share: seven of them leave a market that is tight soon and loose later.
SHARE_OF_ROOM = (0.18, 0.42)


def trade() -> int:
    """Buys the demo's background demand, if nobody has yet; returns how many blocks."""
    buyer, _ = Organisation.objects.get_or_create(name=BUYER["name"], defaults={**BUYER, "is_demo": True})
    if buyer.quotes.exists():
        return 0
    change.run(lambda: _let_buy(buyer))
    rng = np.random.default_rng(SEED)
    pools = Pool.objects.select_related("site", "accelerator").order_by("pk")
    return sum(_buy(wish, buyer) for pool in pools for wish in _needs(pool, rng, clock.today()))


def slip() -> MaintenanceWindow:
    """Something to watch: the pool that has most sold in some weeks loses most of its GPUs then. Invented."""
    today = clock.today()
    period = Period(today + timedelta(days=SLIPS[0]), today + timedelta(days=SLIPS[1]))
    pools = list(Pool.objects.order_by("pk"))
    sold = inventory(pool_ids=[pool.pk for pool in pools], period=period, now=clock.now()).nested[:, -1].sum(axis=1)
    window = MaintenanceWindow(pool=pools[int(sold.argmax())], starts=period.start, ends=period.end)
    window.usable_share, window.reason = Decimal("0.1"), "The cooling loop is replaced (invented for this demo)"
    return plan_maintenance(window=window, by=SYSTEM, now=clock.now())


def _let_buy(buyer: Organisation) -> None:
    """Somebody there has to be able to sign; nobody can sign in as them."""
    if not buyer.memberships.exists():
        user = User.objects.create_user("buyer@ravensmoor.example", name="Nadia Ferrow (invented)")
        Membership.objects.create(user=user, organisation=buyer, role=ADMIN)
    let_buy(buyer, now=clock.now())


def _needs(pool: Pool, rng: np.random.Generator, today: date) -> Iterator[tuple[Need, float]]:
    for block in range(BLOCKS_A_POOL):
        # Some run already, as far as a new market can know; the rest thins out with lead time.
        lead = 1 if block < RUNNING else 1 + int(rng.exponential(120))
        days = int(np.clip(rng.lognormal(np.log(90), 0.7), 14, 540))
        start = today + timedelta(days=lead)
        need = Need(
            quantity=Range(pool.lot, 1_000_000),
            duration=Range(days, days),
            start_from=start,
            start_to=start + timedelta(days=3),
            firmness=FIRM if rng.random() < 0.75 else STANDARD,
            accelerators=(pool.accelerator.key,),
            sites=(pool.site.public_id,),
        )
        yield need, float(rng.uniform(*SHARE_OF_ROOM))


def _buy(wish: tuple[Need, float], buyer: Organisation) -> int:
    """Buys a share of what there is room for; a pool that is not built yet at that date has none."""
    need, share = wish
    most = search(need=need, organisation_id=buyer.pk, now=clock.now())
    if not most.offers:
        return 0
    lot = most.offers[0].pool.lot
    return _take(need, max(lot, int(most.offers[0].terms.quantity * share) // lot * lot), buyer)


def _take(need: Need, quantity: int, buyer: Organisation) -> int:
    """Takes and accepts a block of that size; or as much of it as one organisation may hold at a time."""
    wanted = replace(need, quantity=Range(quantity, quantity))
    offers = search(need=wanted, organisation_id=buyer.pk, now=clock.now()).offers
    by = Actor("demo market", organisation_id=buyer.pk)
    try:
        quote = change.run(lambda: take_quote(offer=offers[0].id, organisation=buyer, by=by))
    except InsufficientHeadroom:
        return 0
    except HoldLimit as refused:
        return _take(need, refused.fits, buyer) if 0 < refused.fits < quantity else 0
    change.run(lambda: accept_quote(public_id=quote.public_id, by=by, organisation_id=buyer.pk))
    return 1
