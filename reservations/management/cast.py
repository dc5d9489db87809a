"""The people and organisations of the demo market. All invented; the password works on this machine only."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group

from marketplace.journal.actor import SYSTEM
from marketplace.parties.actions import create_api_key, revoke_api_key
from marketplace.parties.models import ADMIN, APPROVER, BUYER, Membership, Organisation, User
from marketplace.parties.staff_roles import COMPLIANCE, FINANCE, SALES, SUPPLY_PLANNER, ensure_staff_groups
from pricing.negotiation.margins import SalesLimit
from reservations.management.house_rules import (
    buys_for_others,
    let_buy,
    let_key_sign,
    let_spend,
    switch_screening_on,
)

PASSWORD = "headroom-demo"
SALES_DISCOUNT = Decimal(5)  # percent that sales may grant on their own; an assumption
HEAD_DISCOUNT = Decimal(15)
KEY_SCOPES = ("read", "quote", "commit")
BANK, RIVAL, PARTNER = "Halden Bank", "Corvane Capital", "Latticeway Partners"


@dataclass(frozen=True)
class Member:
    """One of the cast: a person with a role at an organisation, or in a staff group."""

    email: str
    name: str
    organisation: str
    role: str
    staff_group: str = ""
    known_as: str = ""


ORGANISATIONS = (
    {"name": BANK, "legal_name": "Halden Bank ASA (invented)", "country": "NO"},
    {"name": RIVAL, "legal_name": "Corvane Capital LLP (invented)", "country": "GB"},
    {"name": PARTNER, "legal_name": "Latticeway Partners GmbH (invented)", "country": "DE"},
    {"name": "Headroom", "legal_name": "Headroom Markets Inc. (invented)", "country": "US"},
)
CAST = (
    Member("buyer@halden.example", "Ingrid Solheim", BANK, BUYER),
    Member("approver@halden.example", "Tomasz Reyes", BANK, APPROVER),
    Member("admin@halden.example", "Asha Verma", BANK, ADMIN),
    Member("buyer@corvane.example", "Rupert Lane", RIVAL, BUYER),
    Member("sales@headroom.example", "Marta Quist", "Headroom", "sales lead", SALES),
    Member("supply@headroom.example", "Jonas Weber", "Headroom", "supply planner", SUPPLY_PLANNER),
    Member("admin@headroom.example", "Noor Haddad", "Headroom", "administrator", "superuser"),
    Member("finance@headroom.example", "Elif Aydin", "Headroom", "finance", FINANCE),
    Member("compliance@headroom.example", "Ilse Moreau", "Headroom", "compliance", COMPLIANCE),
    Member("compliance2@headroom.example", "Paul Okafor", "Headroom", "compliance", COMPLIANCE),
    Member("partner@latticeway.example", "Lena Brandt", PARTNER, ADMIN, known_as="partner"),
)


def create_cast(provider: Organisation, now: datetime) -> list[Member]:
    """Makes whatever of the cast is missing; returns all of it, with the provider's own person at the end."""
    for group in ensure_staff_groups().values():
        if group.name == SALES:
            SalesLimit.objects.get_or_create(group=group, defaults={"most_discount_percent": SALES_DISCOUNT})
    for fields in ORGANISATIONS:
        Organisation.objects.get_or_create(name=fields["name"], defaults={**fields, "is_demo": True})
    cast = [*CAST, Member("provider@seller.example", "Sigrid Dahl", provider.name, ADMIN, known_as="provider")]
    for member in cast:
        if not User.objects.filter(email=member.email).exists():
            _create(member)
    _keep_house(now)
    return cast


def _keep_house(now: datetime) -> None:
    """What each needs to buy: an agreement, who may sign, the bank's budgets and chains, and clearances."""
    bank, rival, partner = (Organisation.objects.get(name=name) for name in (BANK, RIVAL, PARTNER))
    for buyer in (bank, rival, partner):
        let_buy(buyer, now=now)
    let_spend(bank, now=now)
    buys_for_others(partner, now=now)
    first, second = User.objects.filter(groups__name=COMPLIANCE).order_by("pk")[:2]
    traders = Organisation.objects.filter(is_demo=True, reservations__isnull=False).exclude(pk__in=(bank.pk, rival.pk))
    switch_screening_on({bank, rival, partner, *traders}, (first, second), now=now)


def _create(member: Member) -> None:
    is_admin = member.staff_group == "superuser"
    user = User.objects.create_user(
        member.email, PASSWORD, name=member.name, is_staff=bool(member.staff_group), is_superuser=is_admin
    )
    if is_admin:
        SalesLimit.objects.create(user=user, most_discount_percent=HEAD_DISCOUNT)
    if member.staff_group and not is_admin:
        user.groups.add(Group.objects.get(name=member.staff_group))
    if not member.staff_group:
        organisation = Organisation.objects.get(name=member.organisation)
        Membership.objects.create(user=user, organisation=organisation, role=member.role)


def write_sign_ins(path: Path, *, web: str, cast: Iterable[Member], now: datetime) -> None:
    """Writes the addresses, sign-ins and keys to a file that only its owner can read.

    Secrets are stored hashed, so a key whose secret is no longer in the file is revoked and made anew.
    """
    written = _read(path)
    known = {key["organisation"]: key["key"] for key in written.get("keys", [])}
    keys = [_key(name, known.get(name), now) for name in (BANK, RIVAL)]
    users = [
        {"email": m.email, "password": PASSWORD, "organisation": m.organisation, "role": m.known_as or m.role}
        for m in cast
    ]
    content = {"web": web, "api": f"{web.rstrip('/')}/api/v1", "users": users, "keys": keys}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=2)
    new.replace(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _key(name: str, secret: str | None, now: datetime) -> dict[str, Any]:
    organisation = Organisation.objects.get(name=name)
    live = organisation.api_keys.filter(revoked_at=None, name="demo").first()
    if live is None or secret is None or not secret.startswith(live.prefix):
        if live is not None:
            revoke_api_key(key=live, by=SYSTEM, now=now)
        live, secret = create_api_key(organisation=organisation, name="demo", scopes=KEY_SCOPES, by=SYSTEM, now=now)
        let_key_sign(live, now=now)
    return {"organisation": name, "key": secret, "scopes": list(KEY_SCOPES)}
