"""The market of tests/market.py with its staff: sales, a planner, somebody without a group, a superuser."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.test import Client

from marketplace.models import Milestone, Organisation, Pool, Project, User
from marketplace.parties.staff_roles import SALES, SUPPLY_PLANNER, ensure_staff_groups
from marketplace.units import clock
from tests.market import H100_LIMITS, PASSWORD, Market

FIRM_GPUS = H100_LIMITS[0]


@dataclass(frozen=True)
class Cockpit:
    bank: Organisation
    seller: Organisation
    pool: Pool
    project: Project
    milestone: Milestone
    buyer: User
    sales: User
    planner: User
    guest: User
    root: User


def open_cockpit(market: Market) -> Cockpit:
    project = Project.objects.get(pool=market.h100)
    groups = ensure_staff_groups()
    return Cockpit(
        bank=market.bank.organisation,
        seller=market.seller.organisation,
        pool=market.h100,
        project=project,
        milestone=Milestone.objects.create(project=project, kind="power", planned=clock.today() + timedelta(days=90)),
        buyer=market.bank.buyer,
        sales=staff("sales", groups[SALES]),
        planner=staff("planner", groups[SUPPLY_PLANNER]),
        guest=staff("guest"),
        root=User.objects.create_superuser("root@headroom.test", PASSWORD, name="Root"),
    )


def staff(name: str, *groups: Any) -> User:
    user = User.objects.create_user(f"{name}@headroom.test", PASSWORD, name=name.title(), is_staff=True)
    user.groups.set(groups)
    return user


def signed_in(user: User) -> Any:
    """A browser without scripts, signed in."""
    client = Client()
    client.force_login(user)
    return client
