"""A market for benchmarks: 20 pools at 10 sites of 4 sellers, 200 projects, projected and priced by the product itself,
and as many reservations as asked for, written straight into the tables, with the ledger's books in order."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from marketplace.capacity.actions import publish_limits, publish_projection
from marketplace.catalogue.actions import set_service_spec
from marketplace.catalogue.models import Accelerator, Pool, Site
from marketplace.journal.actor import SYSTEM
from marketplace.parties.actions import create_api_key
from marketplace.parties.models import ApiKey, Organisation
from marketplace.parties.signing import grant_authority, record_agreement
from marketplace.supply.actions import project_supply
from marketplace.supply.models import MILESTONE_KINDS, Milestone, Project
from marketplace.units.money import Money
from pricing.curve.actions import publish_tape, solve_prices
from pricing.curve.policies import ensure_default_policy
from pricing.quotes.actions import take_quote
from pricing.quotes.documents import ensure_terms
from pricing.quotes.need import Need, Range
from pricing.quotes.search import search
from reservations.booking.actions import accept_quote

DAYS = 730
SITES, POOLS_A_SITE, SELLERS, PROJECTS_A_POOL = 10, 2, 4, 10
LOT = 8
FIRST_HALL = 60_000  # GPUs that stand already: room for a million reservations of a lot or two
SEED = 20_261_124


def open_market(now: datetime) -> tuple[Organisation, str]:
    """Everything up to the tape; returns the buyer and the secret of its key."""
    draws = random.Random(SEED)
    sellers = [_organisation(f"Seller {number}") for number in range(SELLERS)]
    pools = [pool for number in range(SITES) for pool in _site(number, sellers[number % SELLERS])]
    for pool in pools:
        set_service_spec(pool=pool, document={"delivery": "bare metal"}, now=now)
        _projects(pool, now.date(), draws)
    projection = project_supply(reason="benchmark", now=now, days=DAYS)
    for pool in pools:
        with transaction.atomic():
            publish_limits(projection=projection, pool=pool)
    publish_projection(projection=projection, now=now)
    policy, _ = ensure_default_policy(now=now), ensure_terms(now=now)
    for seller in sellers:
        solve_prices(seller=seller, policy=policy, projection=projection, reason="benchmark", now=now)
    publish_tape(now=now)
    buyer = _organisation("Buyer")
    scopes = ("read", "quote", "commit")
    key, secret = create_api_key(organisation=buyer, name="benchmark", scopes=scopes, by=SYSTEM, now=now)
    _let_sign(buyer, key, now)
    return buyer, secret


def _let_sign(buyer: Organisation, key: ApiKey, now: datetime) -> None:
    """A master agreement with Headroom, and authority under it for whatever is bought."""
    agreement = record_agreement(
        organisation=buyer,
        seller=None,
        document_version="benchmark",
        document_digest="0" * 64,
        signed_on=now.date(),
        signed_by="Buyer",
        in_force_from=now.date(),
        by=SYSTEM,
        now=now,
    )
    grant_authority(agreement=agreement, signatory=key, limit=Money(Decimal(10**12)), by=SYSTEM, now=now)


def _organisation(name: str) -> Organisation:
    return Organisation.objects.create(name=name, legal_name=name, country="DE")


def _site(number: int, seller: Organisation) -> list[Pool]:
    site = Site.objects.create(
        key=f"site-{number}",
        name=f"Site {number}",
        region="North",
        jurisdiction=("DE", "US", "FI")[number % 3],
        pue=Decimal("1.20"),
        carbon_g_per_kwh=Decimal("100.0"),
        energy_usd_per_kwh=Decimal("0.0500") + Decimal(number) / 1000,
        # At two sites the power binds once most halls stand.
        facility_mw=Decimal(250) if number < 2 else Decimal(500),
        share_on_sale=Decimal(1),
    )
    return [
        Pool.objects.create(site=site, accelerator=_accelerator(key), fabric="InfiniBand", seller=seller, lot=LOT)
        for key in ("h100", "b200", "mi300x")[number % 2 :][:POOLS_A_SITE]
    ]


def _accelerator(key: str) -> Accelerator:
    figures: dict[str, Any] = {
        "name": key.upper(),
        "all_in_kw": Decimal("1.500"),
        "memory_gb": Decimal("80.0"),
        "bf16_tflops": Decimal("989.0"),
        "h100_weight": Decimal("1.0000"),
        "capital_usd_per_gpu_hour": Decimal("1.2000"),
    }
    return Accelerator.objects.get_or_create(key=key, defaults=figures)[0]


def _projects(pool: Pool, today: date, draws: random.Random) -> None:
    """One hall that stands, and nine that are planned beyond the horizon, each with all its milestones."""
    for ordinal in range(1, PROJECTS_A_POOL + 1):
        stands = ordinal == 1
        project = Project.objects.create(
            pool=pool,
            campus=f"pool-{pool.pk}",
            ordinal=ordinal,
            name=f"Hall {ordinal}",
            gpus=FIRST_HALL if stands else LOT * draws.randint(100, 400),
            mw=Decimal(10),
            h100_equivalents=1,
        )
        ready = today + timedelta(days=-30 if stands else 95 * (ordinal - 1) + draws.randint(0, 40))
        Milestone.objects.bulk_create(
            Milestone(
                project=project,
                kind=kind,
                planned=ready - timedelta(days=draws.randint(0, 60)),
                actual=ready if stands else None,
            )
            for kind, _ in MILESTONE_KINDS
        )


def reserve(count: int, gpus: int, buyer: Organisation, now: datetime) -> None:
    """Writes so many reservations: a quote, a claim with its line, two entries and a reservation each; then the totals.

    One of them is bought through the product; the others are its copies with blocks of their own.
    """
    _buy_one(buyer, now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.4)")
        cursor.execute(_BLOCKS, {"count": count, "gpus": gpus, "first": now.date(), "days": DAYS})
        with _foreign_keys_taken_on_trust():
            for table, changed in _TABLES.items():
                cursor.execute(_copies(table, changed))
        cursor.execute(_TOTALS)
        for table in (*_TABLES, "marketplace_capacityday"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")
        cursor.execute("DROP TABLE bench_block")


@contextmanager
def _foreign_keys_taken_on_trust() -> Iterator[None]:
    """Copies of sound rows are not checked again, which takes longer than to write them; where the role may do so."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if not cursor.fetchone()[0]:
            yield
            return
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = DEFAULT")


def _buy_one(buyer: Organisation, now: datetime) -> None:
    start = now.date() + timedelta(days=30)
    need = Need(Range(LOT, LOT), Range(28, 28), start, start, "firm")
    with transaction.atomic():
        offer = search(need=need, organisation_id=buyer.pk, now=now).offers[0]
        quote = take_quote(offer=offer.id, organisation=buyer, by=SYSTEM)
        accept_quote(public_id=quote.public_id, by=SYSTEM, organisation_id=buyer.pk)


_BLOCKS = """
    CREATE TABLE bench_block AS
    SELECT n AS number, pools.id AS pool_id, %(gpus)s * (1 + (n %% 3 = 0)::int) AS quantity,
        (CASE WHEN n %% 10 < 5 THEN 'firm' WHEN n %% 10 < 8 THEN 'standard' ELSE 'standby' END)::text AS firmness,
        %(first)s::date + first AS start, %(first)s::date + least(first + 7 + (random() * 42)::int, %(days)s) AS until,
        claims.last + n AS claim_id, quotes.last + n AS quote_id
    FROM (SELECT n, (random() * (%(days)s - 8))::int AS first FROM generate_series(1, %(count)s) AS n) AS blocks
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS many FROM marketplace_pool)
        AS pools ON pools.place = n %% pools.many,
    (SELECT max(id) AS last FROM marketplace_claim) AS claims, (SELECT max(id) AS last FROM pricing_quote) AS quotes
"""
# What a copy has of its own; every other column is that of the one that was bought.
_BLOCK = {"quantity": "b.quantity", "start": "b.start", "end": "b.until", "pool_id": "b.pool_id"}
_NAMED = "'%s_' || lpad(b.quote_id::text, 22, '0')"
_TABLES: dict[str, dict[str, str | None]] = {
    "marketplace_claim": {"id": "b.claim_id", "holder": _NAMED % "qte", "firmness": "b.firmness"},
    "marketplace_claimline": {"id": None, "claim_id": "b.claim_id", "occupied_end": "b.until", **_BLOCK},
    "marketplace_ledgerentry": {
        "id": None,
        "claim_id": "b.claim_id",
        "pool_id": "b.pool_id",
        "start": "b.start",
        "end": "b.until",
        "firmness": "b.firmness",
        "held": "t.held / 8 * b.quantity",
        "committed": "t.committed / 8 * b.quantity",
    },
    "pricing_quote": {
        "id": "b.quote_id",
        "public_id": _NAMED % "qte",
        "claim_id": "b.claim_id",
        "asked_quantity": "b.quantity",
        "firmness": "b.firmness",
        **_BLOCK,
    },
    "reservations_reservation": {
        "id": None,
        "public_id": _NAMED % "rsv",
        "claim_id": "b.claim_id",
        "quote_id": "b.quote_id",
        "firmness": "b.firmness",
        **_BLOCK,
    },
}
_NEWEST = {
    "marketplace_claim": "id = (SELECT max(id) FROM marketplace_claim)",
    "marketplace_claimline": "claim_id = (SELECT max(claim_id) FROM marketplace_claimline)",
    "marketplace_ledgerentry": "claim_id = (SELECT max(claim_id) FROM marketplace_ledgerentry)",
    "pricing_quote": "id = (SELECT max(id) FROM pricing_quote)",
    "reservations_reservation": "id = (SELECT max(id) FROM reservations_reservation)",
}


def _copies(table: str, changed: dict[str, str | None]) -> str:
    """The statement that copies a table's newest row to every block (of a committed hold there are two entries)."""
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
    kept = [name for name in columns if changed.get(name, "") is not None]
    values = ", ".join(changed.get(name) or f't."{name}"' for name in kept)
    names = ", ".join(f'"{name}"' for name in kept)
    template = f"(SELECT * FROM {table} WHERE {_NEWEST[table]}) AS t"
    moved = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM bench_block b, {template} ORDER BY b.number; {moved}"


_TOTALS = """
    WITH steps AS (
        SELECT pool_id, firmness, start AS day, quantity FROM bench_block
        UNION ALL SELECT pool_id, firmness, until, -quantity FROM bench_block
        UNION ALL SELECT pool_id, firmness, day, 0 FROM marketplace_capacityday,
            unnest(ARRAY['firm', 'standard', 'standby']) AS firmness
    ), changes AS (
        SELECT pool_id, firmness, day, sum(quantity) AS quantity FROM steps GROUP BY pool_id, firmness, day
    ), running AS (
        SELECT pool_id, firmness, day,
            sum(quantity) OVER (PARTITION BY pool_id, firmness ORDER BY day) AS quantity
        FROM changes
    ), totals AS (
        SELECT pool_id, day, max(quantity) FILTER (WHERE firmness = 'firm') AS firm,
            max(quantity) FILTER (WHERE firmness = 'standard') AS standard,
            max(quantity) FILTER (WHERE firmness = 'standby') AS standby
        FROM running GROUP BY pool_id, day
    )
    UPDATE marketplace_capacityday d SET firm_committed = firm_committed + firm,
        standard_committed = standard_committed + standard, standby_committed = standby_committed + standby
    FROM totals t WHERE t.pool_id = d.pool_id AND t.day = d.day
"""
