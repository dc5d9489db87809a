"""A small market, open for business: two sellers with a pool each, a bank, a rival, and everything that a quote needs.

Supply is stored directly, flat over the horizon, so that every figure in a test can be worked out by hand. The first
day of the horizon is today by the product's clock.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import transaction

from marketplace.capacity import ledger
from marketplace.capacity.ledger import set_limits
from marketplace.catalogue.actions import set_service_spec
from marketplace.catalogue.models import Accelerator, Pool, Site
from marketplace.journal.actor import SYSTEM
from marketplace.parties.actions import create_api_key
from marketplace.parties.agreements import MasterAgreement
from marketplace.parties.models import APPROVER, BUYER, VIEWER, ApiKey, Membership, Organisation, User
from marketplace.parties.signing import grant_authority, record_agreement
from marketplace.supply.models import POWER, Milestone, PoolOutlook, Project, Projection, ProjectOutlook, SupplyPolicy
from marketplace.supply.policies import promises_of
from marketplace.supply.queries import build_out
from marketplace.supply.slips import DEFAULT_POLICY
from marketplace.units import clock
from marketplace.units.firmness import FIRM
from marketplace.units.money import Money
from marketplace.units.period import Period
from pricing.curve.actions import publish_tape, solve_prices
from pricing.curve.models import PricePolicy
from pricing.quotes.models import TermsDocument

DAYS = 400
SCENARIOS = 64
PASSWORD = "a demo of capacity"
BUYING = ("read", "quote", "commit")
H100_LIMITS = (2048, 3072, 4096)
GB200_LIMITS = (720, 1080, 1440)


@dataclass(frozen=True)
class Party:
    """An organisation with its people and the secret of its key."""

    organisation: Organisation
    buyer: User
    approver: User
    key: str


@dataclass(frozen=True)
class Market:
    """Everybody and everything; `today` is the first day of the horizon."""

    today: date
    h100: Pool
    gb200: Pool
    seller: Party
    other_seller: Party
    bank: Party
    rival: Party

    def day(self, offset: int) -> date:
        return self.today + timedelta(days=offset)

    def need(self, **changed: Any) -> dict[str, Any]:
        """A body for POST /offers that fits the h100 pool."""
        return {
            "accelerators": ["h100"],
            "quantity": 64,
            "duration_days": 30,
            "start": {"from": self.day(10).isoformat(), "to": self.day(20).isoformat()},
            "firmness": "firm",
            **changed,
        }


def open_market() -> Market:
    """Sellers, pools, supply, limits, policy, terms, prices and the tape: in the product's own order."""
    now = clock.now()
    seller, other_seller = party("Northwind Compute"), party("Sable Cloud")
    h100 = pool(seller.organisation, "h100", "Northfield", "DE", lot=8)
    gb200 = pool(other_seller.organisation, "gb200", "Sable Flats", "US", lot=72)
    projection = project_flat({h100: H100_LIMITS, gb200: GB200_LIMITS}, now)
    policy, _ = default_policy(now), terms(now)
    for owner in (seller, other_seller):
        solve_prices(seller=owner.organisation, policy=policy, projection=projection, reason="first prices", now=now)
    publish_tape(now=now)
    return Market(now.date(), h100, gb200, seller, other_seller, party("First Bank"), party("Rival Capital"))


def party(name: str) -> Party:
    organisation = Organisation.objects.create(name=name, legal_name=f"{name} AG", country="DE")
    agreement(organisation)
    slug = name.split()[0].lower()
    people = {role: member(organisation, f"{role}@{slug}.example", role) for role in (BUYER, APPROVER)}
    return Party(organisation, people[BUYER], people[APPROVER], key(organisation))


def member(organisation: Organisation, email: str, role: str) -> User:
    user = User.objects.create_user(email, PASSWORD, name=email.split("@")[0].title())
    Membership.objects.create(user=user, organisation=organisation, role=role)
    if role != VIEWER:
        may_sign(organisation, user)
    return user


def agreement(organisation: Organisation) -> MasterAgreement:
    """A master agreement with Headroom, in force since yesterday."""
    now = clock.now()
    yesterday = now.date() - timedelta(days=1)
    return record_agreement(
        organisation=organisation,
        seller=None,
        document_version="2026-11",
        document_digest="0" * 64,
        signed_on=yesterday,
        signed_by="Their CFO",
        in_force_from=yesterday,
        by=SYSTEM,
        now=now,
    )


def may_sign(organisation: Organisation, signatory: User | ApiKey, limit: int = 10**9) -> None:
    """Authority under the organisation's agreements, if it has any, for as much as a test may buy."""
    for signed in organisation.agreements.filter(until=None):
        grant_authority(agreement=signed, signatory=signatory, limit=Money(Decimal(limit)), by=SYSTEM, now=clock.now())


def key(organisation: Organisation, *scopes: str, expires_at: datetime | None = None) -> str:
    """A new key's secret, with the scopes of a buyer unless others are named; it may sign where it may commit."""
    made, secret = create_api_key(
        organisation=organisation,
        name="tests",
        scopes=scopes or BUYING,
        by=SYSTEM,
        now=clock.now(),
        expires_at=expires_at,
    )
    if "commit" in made.scopes and (expires_at is None or expires_at > clock.now()):
        may_sign(organisation, made)
    return secret


def pool(seller: Organisation, accelerator: str, site: str, jurisdiction: str, *, lot: int) -> Pool:
    created = Pool.objects.create(
        site=Site.objects.create(
            key=site,
            name=site,
            region="North",
            jurisdiction=jurisdiction,
            pue=Decimal("1.20"),
            carbon_g_per_kwh=Decimal("100.0"),
            energy_usd_per_kwh=Decimal("0.0500"),
            facility_mw=Decimal("100.00"),
            share_on_sale=Decimal("1.0000"),
            assumptions=["energy_usd_per_kwh"],
        ),
        accelerator=Accelerator.objects.get_or_create(
            key=accelerator,
            defaults={
                "name": accelerator.upper(),
                "all_in_kw": Decimal("1.500"),
                "memory_gb": Decimal("80.0"),
                "bf16_tflops": Decimal("989.0"),
                "h100_weight": Decimal("1.0000"),
                "capital_usd_per_gpu_hour": Decimal("1.2000"),
            },
        )[0],
        fabric="InfiniBand NDR",
        seller=seller,
        lot=lot,
    )
    set_service_spec(pool=created, document={"delivery": "bare metal", "spares": "2 %"}, now=clock.now())
    return created


def project_flat(supply: dict[Pool, tuple[int, int, int]], now: datetime, days: int = DAYS) -> Projection:
    """A published projection: each pool has the same P90, P50 and P10 on every day, and limits equal to them."""
    halls = {each: hall(each, gpus=p10) for each, (_, _, p10) in supply.items()}
    seen = build_out(now.date())
    projection = Projection.objects.create(
        first_day=now.date(),
        days=days,
        scenarios=SCENARIOS,
        seed=1,
        inputs={
            "policy": DEFAULT_POLICY.as_json(),
            "world": seen.world.as_json(),
            "pools": [each.pk for each in seen.pools],
            "last_known_day": days,
            "promises": promises_of(SupplyPolicy.objects.in_force(now)).as_json(),
        },
        reason="test market",
        created_at=now,
        published_at=now,
    )
    for each, (p90, p50, p10) in supply.items():
        limits = np.repeat(np.array([[p90], [p50], [p10]], dtype=np.int64), days, axis=1)
        PoolOutlook.objects.create(
            projection=projection,
            pool=each,
            p90=[p90] * days,
            p50=[p50] * days,
            p10=[p10] * days,
            mean=[p50] * days,
            limits=limits.tolist(),
        )
        ready_today(projection, halls[each])
        set_limits(pool_id=each.pk, first_day=projection.first_day, limits=limits)
    return projection


def hall(pool: Pool, *, gpus: int) -> Project:
    """One project that brings all of a pool's GPUs."""
    return Project.objects.create(
        pool=pool, campus=pool.site.key, ordinal=1, name="Hall 1", gpus=gpus, mw=Decimal("10.00"), h100_equivalents=gpus
    )


def ready_today(projection: Projection, project: Project) -> ProjectOutlook:
    """The project is ready on the first day in every scenario."""
    first = projection.first_day
    return ProjectOutlook.objects.create(
        projection=projection,
        project=project,
        ready_days=np.zeros(projection.scenarios, dtype="<i2").tobytes(),
        p10=first,
        p50=first,
        p90=first,
        expected=first,
        bottlenecks={"power": 1.0},
    )


def later_today(minutes: int) -> datetime:
    """In so many minutes, or as the day ends: on another day the board would differ for that alone."""
    now = clock.now()
    return min(now + timedelta(minutes=minutes), now.replace(hour=23, minute=59, second=59, microsecond=999_999))


def default_policy(now: datetime, **changed: Any) -> PricePolicy:
    return PricePolicy.objects.create(seller=None, version=1, starts_at=now, published_by="tests", **changed)


def terms(now: datetime) -> TermsDocument:
    return TermsDocument.objects.create(
        version="2027-01", title="Capacity terms", text="Be fair.", digest="0" * 64, in_force_from=now
    )


def phase(pool: Pool, ordinal: int = 7, gpus: int = 4000) -> Project:
    """A phase of the pool that waits for power, 120 days away."""
    name, campus = f"phase {ordinal}", pool.site.key
    project = Project.objects.create(
        pool=pool, campus=campus, ordinal=ordinal, name=name, gpus=gpus, mw=5, h100_equivalents=gpus
    )
    Milestone.objects.create(project=project, kind=POWER, planned=clock.now().date() + timedelta(days=120))
    return project


def block_taken(pool: Pool, period: Period, quantity: int) -> None:
    """Somebody has bought that block."""
    with transaction.atomic():
        ledger.commit(
            holder="rsv_taken", firmness=FIRM, lines=[ledger.Line(pool.pk, period, quantity)], now=clock.now()
        )
