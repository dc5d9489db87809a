"""The demo's agreements, authorities, budgets, approval chains and screening. All invented.

Each organisation gets them once; what somebody has changed since stays.
"""

from collections.abc import Iterable
from dataclasses import astuple
from datetime import datetime, timedelta
from decimal import Decimal

from marketplace.journal.actor import SYSTEM, Actor
from marketplace.parties.agreements import MasterAgreement
from marketplace.parties.budget_periods import YEAR
from marketplace.parties.budgets import open_cost_centre, set_budget
from marketplace.parties.chains import Step, set_chain
from marketplace.parties.models import ADMIN, APPROVER, VIEWER, ApiKey, Organisation, User
from marketplace.parties.signing import grant_authority, record_agreement
from marketplace.screening.actions import decide_clearance, propose_clearance, register_end_customer
from marketplace.screening.matrix import COMMERCIAL, RESEARCH, parsed
from marketplace.screening.models import EndCustomer, ScreeningPolicy
from marketplace.units.money import Money

DOCUMENT = ("demo-2026-11", "d" * 64)  # no document stands behind it
LIMITS = {APPROVER: 50_000_000, ADMIN: 50_000_000}
USUAL_LIMIT = 5_000_000
KEY_LIMIT = 50_000_000
YEARS = 8  # as far ahead as anything can be bought
CENTRES = (("4711", "Risk analytics", 60_000_000, True), ("4720", "Trading research", 2_000_000, False))
CHAINS = ((2_000_000, (Step(role=APPROVER),)), (20_000_000, (Step(role=APPROVER), Step(role=ADMIN))))
CLEARED_FOR = timedelta(days=360)
REASON = "Invented for the demo: nobody was screened"
RULES = """
* * * * defence deny        # whoever it is
gb300 * * * unknown deny    # the newest: only where the end use is established
gb200 * * * unknown deny
* * NO NO * allow
* * GB GB * allow
* * DE DE * allow
* * US US * allow           # everybody else is denied: default deny
"""


def let_buy(organisation: Organisation, *, now: datetime) -> None:
    """A master agreement with Headroom, and authority for each of its members, once."""
    if organisation.agreements.exists():
        return
    version, digest = DOCUMENT
    today = now.date()
    agreement = record_agreement(
        organisation=organisation,
        seller=None,
        document_version=version,
        document_digest=digest,
        signed_on=today,
        signed_by="Invented signatory",
        in_force_from=today,
        by=SYSTEM,
        now=now,
    )
    for member in organisation.memberships.exclude(role=VIEWER).select_related("user"):
        _authorise(agreement, member.user, LIMITS.get(member.role, USUAL_LIMIT), now)


def let_key_sign(key: ApiKey, *, now: datetime) -> None:
    """Authority for a key that was just made, under the agreements of its organisation."""
    for agreement in key.organisation.agreements.in_force(now.date()):
        _authorise(agreement, key, KEY_LIMIT, now)


def _authorise(agreement: MasterAgreement, signatory: User | ApiKey, limit: int, now: datetime) -> None:
    grant_authority(agreement=agreement, signatory=signatory, limit=Money(Decimal(limit)), by=SYSTEM, now=now)


def let_spend(organisation: Organisation, *, now: datetime) -> None:
    """Cost centres with budgets by the year, and chains for large totals, once."""
    if organisation.cost_centres.exists():
        return
    for code, name, amount, is_default in CENTRES:
        centre = open_cost_centre(
            organisation=organisation, code=code, name=name, period=YEAR, is_default=is_default, by=SYSTEM, now=now
        )
        for year in range(now.year, now.year + YEARS):
            start = now.date().replace(year=year, month=1, day=1)
            set_budget(cost_centre=centre, start=start, amount=Decimal(amount), by=SYSTEM, now=now)
    for above, steps in CHAINS:
        set_chain(organisation=organisation, above=Money(Decimal(above)), steps=steps, by=SYSTEM, now=now)


def buys_for_others(organisation: Organisation, *, now: datetime) -> None:
    """A reseller's end customers: one that is cleared with it, and one that waits; once."""
    if not organisation.end_customers.exists():
        for name, end_use in (
            ("Tarnow Genomics GmbH (invented)", RESEARCH),
            ("Bexley Media GmbH (invented)", COMMERCIAL),
        ):
            register_end_customer(
                organisation=organisation, name=name, country="DE", end_use=end_use, by=SYSTEM, now=now
            )


def switch_screening_on(buyers: Iterable[Organisation], staff: tuple[User, User], *, now: datetime) -> None:
    """The invented policy, and clearances by two persons for those who buy in the demo; once."""
    if ScreeningPolicy.objects.exists():
        return
    one, other = (person.as_actor(None) for person in staff)
    for buyer in buyers:
        _clear(buyer, None, one, other, now)
        first = buyer.end_customers.order_by("pk").first()
        if first is not None:
            _clear(buyer, first, one, other, now)
    ScreeningPolicy.objects.create(
        version=1,
        starts_at=now,
        published_by=one.label,
        reason=REASON,
        is_on=True,
        rules=[list(astuple(rule)) for rule in parsed(RULES)],
    )


def _clear(buyer: Organisation, customer: EndCustomer | None, one: Actor, other: Actor, now: datetime) -> None:
    proposal = propose_clearance(
        organisation=buyer,
        end_customer=customer,
        cleared_until=now.date() + CLEARED_FOR,
        end_use=customer.end_use if customer else COMMERCIAL,
        reason=REASON,
        by=one,
        now=now,
    )
    decide_clearance(proposal_id=proposal.pk, confirm=True, by=other, now=now)
