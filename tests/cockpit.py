"""A small market for the admin's tests: one pool of 1,024 GPUs for a year, priced, and the staff who work on it."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from marketplace.capacity.actions import publish_limits
from marketplace.catalogue.actions import set_service_spec
from marketplace.models import (
    Accelerator,
    Membership,
    Milestone,
    Organisation,
    Pool,
    PoolOutlook,
    Project,
    Projection,
    Site,
    User,
)
from marketplace.parties.staff_roles import SALES, SUPPLY_PLANNER, ensure_staff_groups
from marketplace.units import clock
from pricing.curve.actions import solve_prices
from pricing.curve.models import PricePolicy
from pricing.quotes.documents import ensure_terms

GPUS, DAYS = 1024, 365
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Cockpit:
    bank: Organisation
    seller: Organisation
    pool: Pool
    project: Project
    buyer: User
    sales: User
    planner: User
    guest: User
    root: User


def open_cockpit() -> Cockpit:
    bank, seller = _organisation("Bank"), _organisation("Fjord Compute")
    pool = _pool(seller)
    project = _project(pool)
    _project_supply(pool)
    groups = ensure_staff_groups()
    sales, planner = _staff("sales"), _staff("planner")
    sales.groups.set([groups[SALES]])
    planner.groups.set([groups[SUPPLY_PLANNER]])
    root = User.objects.create_superuser("root@headroom.test", PASSWORD, name="Root")
    buyer = User.objects.create_user("buyer@bank.test", PASSWORD, name="Buyer")
    Membership.objects.create(user=buyer, organisation=bank, role="buyer")
    return Cockpit(bank, seller, pool, project, buyer, sales, planner, _staff("guest"), root)


def _organisation(name: str) -> Organisation:
    return Organisation.objects.create(name=name, legal_name=f"{name} Ltd", country="NO")


def _staff(name: str) -> User:
    return User.objects.create_user(f"{name}@headroom.test", PASSWORD, name=name.title(), is_staff=True)


def _pool(seller: Organisation) -> Pool:
    site = Site.objects.create(
        key="fjord",
        name="Fjord",
        region="Nordics",
        jurisdiction="NO",
        pue=Decimal("1.15"),
        carbon_g_per_kwh=Decimal(30),
        energy_usd_per_kwh=Decimal("0.05"),
        facility_mw=Decimal(100),
        share_on_sale=Decimal(1),
    )
    h100 = Accelerator.objects.create(
        key="h100",
        name="H100",
        all_in_kw=Decimal("1.4"),
        memory_gb=80,
        bf16_tflops=989,
        h100_weight=1,
        capital_usd_per_gpu_hour=Decimal("1.5"),
    )
    pool = Pool.objects.create(site=site, accelerator=h100, fabric="InfiniBand", seller=seller, lot=8)
    set_service_spec(pool=pool, document={"fabric": "InfiniBand 400 Gb/s", "bare_metal": True}, now=clock.now())
    return pool


def _project(pool: Pool) -> Project:
    project = Project.objects.create(
        pool=pool, campus="fjord", ordinal=1, name="Fjord 1", gpus=GPUS, mw=2, h100_equivalents=GPUS
    )
    Milestone.objects.create(project=project, kind="power", planned=date(2027, 3, 1))
    return project


def _project_supply(pool: Pool) -> None:
    now = clock.now()
    projection = Projection.objects.create(
        first_day=now.date(), days=DAYS, scenarios=1, seed=1, inputs={}, reason="test", created_at=now
    )
    flat = [GPUS] * DAYS
    PoolOutlook.objects.create(projection=projection, pool=pool, p90=flat, p50=flat, p10=flat, mean=flat)
    publish_limits(projection=projection, pool=pool)
    policy = PricePolicy.objects.create(version=1, starts_at=now - timedelta(days=1), published_by="test")
    ensure_terms(now)
    solve_prices(seller=pool.seller, policy=policy, projection=projection, reason="first prices", now=now)
