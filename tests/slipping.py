"""A market in which something slips: the bank's block, a second hall like it, and what a plan would propose."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from marketplace.capacity.ledger import Line, set_limits
from marketplace.catalogue.actions import set_service_spec
from marketplace.catalogue.models import Pool
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.units import clock
from marketplace.units.period import Period
from pricing.quotes.contracts import ContractPolicy, publish_contract
from reservations.allocation.announcing import Announced, Announcement, Milestone, Proposed, Why, announce, announce_all
from reservations.allocation.choosing import choose
from reservations.allocation.remedies import EXIT, MOVE, REDUCE, SUBSTITUTE, WAIT, Remedy, RemedyChoice
from reservations.booking import states
from reservations.booking.models import Reservation
from tests.market import DAYS, Market, Party, pool

WHY = Why(
    "The substation at Northfield comes later than planned.",
    "Power decides the date",
    Decimal("0.30"),
    Decimal("0.97"),
)
SPEC = {"delivery": "bare metal", "spares": "2 %"}


def contracts(market: Market, **said: Any) -> ContractPolicy:
    """From now on contracts of the market's sellers have terms on delay; they hand over by the clock, so that what is
    late is late by a remedy alone."""
    now, said = clock.now(), {"handover": "clock", **said}
    return publish_contract(policy=ContractPolicy(starts_at=now, reason="tests", **said), by=SYSTEM, now=now)


def second_hall(
    market: Market, *, name: str = "Northfield East", jurisdiction: str = "DE", limit: int = 2048, spec: Any = None
) -> Pool:
    """Another pool of the bank's seller, with the same accelerator."""
    made = pool(market.seller.organisation, "h100", name, jurisdiction, lot=8)
    if spec is not None:
        set_service_spec(pool=made, document=spec, now=clock.now())
    limits = np.full((3, DAYS), limit, dtype=np.int64)
    set_limits(pool_id=made.pk, first_day=market.today, limits=limits)
    return made


def line(pool: Pool, block: Reservation, *, later: int = 0, longer: int = 0, quantity: int | None = None) -> Line:
    first = block.start + timedelta(days=later)
    return Line(pool.pk, Period(first, block.end + timedelta(days=later + longer)), quantity or block.quantity)


def wait(block: Reservation, days: int) -> Proposed:
    """So many days later, and the end moves with the start."""
    return Proposed(WAIT, (line(block.pool, block, later=days),), confidence=Decimal("0.95"))


def substitute(block: Reservation, pool: Pool) -> Proposed:
    return Proposed(SUBSTITUTE, (line(pool, block),), confidence=Decimal("0.98"))


def move(block: Reservation, days: int) -> Proposed:
    return Proposed(MOVE, (line(block.pool, block, later=days),), confidence=Decimal("0.97"))


def fewer(block: Reservation, quantity: int) -> Proposed:
    return Proposed(REDUCE, (line(block.pool, block, quantity=quantity),), confidence=Decimal("0.99"))


LEAVE = Proposed(EXIT)


def told(block: Reservation, *proposed: Proposed, why: Why = WHY) -> Remedy:
    return change.run(lambda: announce(reservation=block, plan=None, proposed=proposed, why=why, now=clock.now()))


def told_all(announcements: list[Announcement]) -> Announced:
    return change.run(lambda: announce_all(announcements=announcements, now=clock.now()))


def choice(remedy: Remedy, kind: str) -> RemedyChoice:
    return remedy.choices.get(kind=kind)


def chosen(party: Party, remedy: Remedy, kind: str) -> Remedy:
    by, wanted = party.buyer.as_actor(party.organisation.pk), choice(remedy, kind).public_id
    return change.run(
        lambda: choose(
            remedy=remedy.public_id,
            choice=wanted,
            by=by,
            organisation_id=party.organisation.pk,
            roles={states.BUYER},
        )
    )


def likely(block: Reservation, days: int = 20) -> Why:
    """Twenty likely first days, and two milestones."""
    first = block.start + timedelta(days=2)
    milestones = (
        Milestone("Power", block.start - timedelta(days=30), block.start + timedelta(days=9)),
        Milestone("Racks", block.start - timedelta(days=12), block.start - timedelta(days=2)),
    )
    dates = tuple(first + timedelta(days=place) for place in range(days))
    return Why(WHY.happened, WHY.bottleneck, WHY.confidence, WHY.confidence_before, dates, milestones)
