"""The ledger against the floor of any ledger: one row updated and one entry inserted, on the same server.

Ours is `ledger.hold` and `ledger.commit` in turn, as the product calls them: every day of the block locked, checked and
updated, the triggers on, claim, line and entry written. The floor is one statement that adds to one pool's total and
inserts one entry: no lock before it, no check, no day. Both go over the same driver in as many round trips (begin, one
statement, commit), and are durable as the server is set.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial

import numpy as np
from django.db import connection, transaction

from bench._clients import ratio
from bench._scratch import scratch_database
from marketplace.capacity import ledger
from marketplace.catalogue.models import Accelerator, Pool, Site
from marketplace.parties.models import Organisation
from marketplace.units.firmness import FIRM
from marketplace.units.period import Period

FIRST = date(2027, 1, 1)
HORIZON = 2557  # days that a pool has rows for: seven years
POOLS = 20
PLENTY = 100_000_000  # GPUs a day: nobody is refused
GPUS = 8
SHORT, STARTS = 30, 700  # blocks of 30 days that start within the next 700
LONG = 1825
NOW = datetime(2026, 11, 2, tzinfo=UTC)
GOALS = {"pools_1": 0.5, "pools_8": 0.5, "pools_32": 0.5, "hot_1": 0.9, "hot_8": 0.9, "hot_32": 1.0}

TABLES = """
    CREATE TABLE bench_total (pool_id bigint PRIMARY KEY, held int NOT NULL, committed int NOT NULL)
        WITH (fillfactor = 50);
    INSERT INTO bench_total SELECT id, 0, 0 FROM marketplace_pool;
    CREATE TABLE bench_entry (LIKE marketplace_ledgerentry INCLUDING ALL);
"""
ADD = """
    WITH total AS (
        UPDATE bench_total SET held = held + %s, committed = committed + %s WHERE pool_id = %s RETURNING pool_id
    )
    INSERT INTO bench_entry (claim_id, pool_id, start, "end", firmness, held, committed, at)
    SELECT 1, pool_id, %s, %s, %s, %s, %s, %s FROM total RETURNING id
"""


def run() -> Iterator[tuple[str, float, float | None]]:
    with scratch_database("headroom_bench_ledger"):
        pools = _seed()
        for name, days, rounds, seconds in (("", SHORT, 9, 0.7), ("long_", LONG, 3, 1.0)):
            for spread, among in (("pools", pools), ("hot", pools[:1])):
                for clients in (1, 8, 32):
                    ours, floor = partial(_claim, among, days), partial(_floor, among, days)
                    found = ratio(ours, floor, clients=clients, rounds=rounds, seconds=seconds)
                    yield f"{name}{spread}_{clients}", found, None if name else GOALS[f"{spread}_{clients}"]


def _claim(pools: Sequence[int], days: int, rng: random.Random, number: int) -> None:
    line = ledger.Line(rng.choice(pools), _block(rng, days), GPUS)
    holder = f"qte_{number:022d}"
    with transaction.atomic():
        if number % 2:
            ledger.commit(holder=holder, firmness=FIRM, lines=[line], now=NOW)
        else:
            ledger.hold(holder=holder, firmness=FIRM, lines=[line], expires_at=NOW + timedelta(minutes=15), now=NOW)


def _floor(pools: Sequence[int], days: int, rng: random.Random, number: int) -> None:
    pool_id, block = rng.choice(pools), _block(rng, days)
    committed = GPUS * (number % 2)
    moved = [GPUS - committed, committed]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ADD, [*moved, pool_id, block.start, block.end, FIRM, *moved, NOW])
        cursor.fetchone()


def _block(rng: random.Random, days: int) -> Period:
    return Period.of(FIRST + timedelta(days=rng.randrange(min(STARTS, HORIZON - days))), days)


def _seed() -> list[int]:
    seller = Organisation.objects.create(name="Bench", legal_name="Bench", country="DE")
    site = Site.objects.create(
        key="bench",
        name="Bench",
        region="North",
        jurisdiction="DE",
        pue=1,
        carbon_g_per_kwh=1,
        energy_usd_per_kwh=1,
        facility_mw=1,
        share_on_sale=1,
    )
    accelerator = Accelerator.objects.create(
        key="bench",
        name="Bench",
        all_in_kw=1,
        memory_gb=1,
        bf16_tflops=1,
        h100_weight=1,
        capital_usd_per_gpu_hour=1,
    )
    limits = np.full((3, HORIZON), PLENTY, dtype=np.int64)
    pools = []
    for number in range(POOLS):
        pool = Pool.objects.create(site=site, accelerator=accelerator, fabric=str(number), seller=seller, lot=GPUS)
        ledger.set_limits(pool_id=pool.pk, first_day=FIRST, limits=limits)
        pools.append(pool.pk)
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        cursor.execute("VACUUM (ANALYZE)")
    return pools
