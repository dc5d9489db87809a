"""What the demo's bank holds, and the questions that it keeps: bought and asked through the same doors as any."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from marketplace.capacity.ledger import InsufficientHeadroom
from marketplace.catalogue.models import Pool, Site
from marketplace.change import change
from marketplace.parties.models import BUYER, Organisation, User
from marketplace.units import clock
from marketplace.units.firmness import FIRM, STANDBY
from pricing.quotes.actions import take_quote
from pricing.quotes.need import Need, Range
from pricing.quotes.search import search
from reservations.booking.actions import accept_quote
from reservations.booking.models import Reservation
from reservations.continuity.actions import save_scenario
from reservations.continuity.asked import Closure, Growth, Outage, Question
from reservations.continuity.models import ORGANISATION
from reservations.continuity.queries import work_out
from reservations.management.cast import BANK

PURSE = 1_500_000  # USD a block: below the total from which somebody else has to agree
MOST_POOLS = 6
# (days ahead, days long, class): some run soon, some wait for what is still being built.
BLOCKS = ((1, 150, FIRM), (30, 240, FIRM), (120, 365, STANDBY))


def fill_portfolio() -> int:
    """Buys the bank's blocks and keeps three scenarios, if it has nothing yet; returns how many blocks."""
    bank = Organisation.objects.get(name=BANK)
    if bank.quotes.exists() or not Site.objects.filter(is_demo=True).exists():
        return 0
    buyer = User.objects.get(memberships__organisation=bank, memberships__role=BUYER)
    bought = sum(_buy(need, bank, buyer) for need in _needs(clock.today()))
    for name, question in _questions(bank):
        _keep(name, question, bank, buyer)
    return bought


def _needs(today: date) -> Iterator[Need]:
    """A block in the first pool of each of several sites, then another where there is room later."""
    of_sites: dict[int, Pool] = {}
    for pool in Pool.objects.order_by("pk"):
        of_sites.setdefault(pool.site_id, pool)
    for place, pool in enumerate(list(of_sites.values())[:MOST_POOLS]):
        for lead, days, firmness in BLOCKS[place % 2 :: 2] or BLOCKS[:1]:
            start = today + timedelta(days=lead)
            yield Need(
                quantity=Range(pool.lot, pool.lot),
                duration=Range(days, days),
                start_from=start,
                start_to=start + timedelta(days=200),
                firmness=firmness,
                accelerators=(pool.accelerator.key,),
                sites=(pool.site.public_id,),
            )


def _buy(need: Need, bank: Organisation, buyer: User) -> int:
    """As many lots as the purse pays for; a pool that has no room by then sells none."""
    one = search(need=need, organisation_id=bank.pk, now=clock.now()).offers
    if not one or one[0].total.amount > PURSE:
        return 0
    size = max(int(PURSE / one[0].total.amount * Decimal("0.6")), 1) * need.quantity.least
    wanted = replace(need, quantity=Range(need.quantity.least, size), start_to=one[0].terms.period.start)
    offers = search(need=wanted, organisation_id=bank.pk, now=clock.now()).offers
    affordable = [offer for offer in offers if offer.total.amount <= PURSE]
    by = buyer.as_actor(bank.pk)
    if not affordable:
        return 0
    try:
        quote = change.run(lambda: take_quote(offer=affordable[0].id, organisation=bank, by=by))
    except InsufficientHeadroom:
        return 0
    change.run(lambda: accept_quote(public_id=quote.public_id, by=by, organisation_id=bank.pk))
    return 1


def _questions(bank: Organisation) -> Iterator[tuple[str, Question]]:
    """About where the bank has most GPU-days to lose."""
    held = sorted(
        Reservation.objects.of(bank.pk).select_related("pool__site"),
        key=lambda each: -each.quantity * each.period.days,
    )
    if not held:
        return
    site, later = held[0].pool.site, clock.today() + timedelta(days=60)
    yield f"{site.name} lost in two months", Outage((site.public_id,), lost_from=later)
    yield f"{site.name} a month late", Outage((site.public_id,), late_days=30)
    yield "Usage doubles in two months", Growth(Decimal(2), later)
    yield f"{site.jurisdiction} closes in two months", Closure(later, country=site.jurisdiction)


def _keep(name: str, question: Question, bank: Organisation, buyer: User) -> None:
    answer = work_out(question=question, organisation_id=bank.pk, now=clock.now())
    by = buyer.as_actor(bank.pk)
    change.run(lambda: save_scenario(name=name, visibility=ORGANISATION, answer=answer, organisation=bank, by=by))
