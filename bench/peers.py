"""What a purchase costs here, beside what others take for the like on such a machine.

A purchase is a quote and its acceptance, each a change of its own, durable before it is acknowledged. In process:
purchases a second of one client, with 0, 5,000 and a million reservations present, in turns. Over HTTP, through
gunicorn as the demo runs it: search, quote and acceptance, the two changes with an Idempotency-Key; CPU of application
and database, and statements as the server counts them, at the same three sizes in turns.

Others, as published: Slurm 22.05 makes 525, 96 and 19 reservations a second with 0, 1,000 and 5,000 present, each
acknowledged 3 to 6 s before it is durable; Blazar 18 makes 1.5 to 0.24 leases with 266 to 434 queries each; pretix
2026.8 takes about 0.2 s of CPU and 88 queries; PostgreSQL alone, 8 rows under an exclusion constraint, about 300 a
second. Where Debian's slurm-wlm is installed Slurm is run in the same run, with 5,000 present.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from time import perf_counter

from django.db import connection

from bench import _slurm
from bench._market import LOT, open_market, reserve
from bench._scratch import scratch_database
from bench._shopping import accept, accept_over_http, an_offer, fresh_key, quote_over_http, take
from bench._statements import statements_run
from bench._turns import Worker, in_turns
from bench._web import Web
from marketplace.parties.models import Organisation
from marketplace.units import clock

SIZES = (0, 5_000, 1_000_000)
ROUNDS, A_ROUND = 11, 20  # in process; the first round warms up
HTTP_ROUNDS, HTTP_A_ROUND = 7, 20
SLURM_AT_5000 = 19.0  # reservations a second, as published
GOALS = {"vs_slurm_5000": 5.0, "queries_per_purchase": 40.0, "cpu_ms_per_purchase": 40.0}


def run() -> Iterator[tuple[str, float, float | None]]:
    with _databases() as (names, buyer, secret):
        rates = _in_process(names, buyer)
        yield "purchases_per_second", rates[1], None
        yield "rate_growth_5000", rates[0] / rates[1], None
        yield "rate_growth_million", rates[0] / rates[2], None
        yield "vs_slurm_5000", rates[1] / _slurm_at_5000(), GOALS["vs_slurm_5000"]
        costs = _over_http(names, secret)
        yield "queries_per_purchase", max(queries for queries, _ in costs), GOALS["queries_per_purchase"]
        yield "cpu_ms_per_purchase", max(cpu for _, cpu in costs), GOALS["cpu_ms_per_purchase"]
        yield "cpu_growth_5000", costs[1][1] / costs[0][1], None
        yield "cpu_growth_million", costs[2][1] / costs[0][1], None


@contextmanager
def _databases() -> Iterator[tuple[list[str], Organisation, str]]:
    """One for each size, each a copy of the one before with the reservations that it lacks."""
    with ExitStack() as stack:
        names: list[str] = []
        for size in SIZES:
            name = f"headroom_bench_peers_{size}"
            stack.enter_context(scratch_database(name, copy_of=names[-1] if names else None))
            now = clock.now()
            if not names:
                buyer, secret = open_market(now)
            else:
                reserve(size - SIZES[len(names) - 1], LOT, buyer, now)
            names.append(name)
        connection.close()
        yield names, buyer, secret


def _in_process(names: list[str], buyer: Organisation) -> list[float]:
    """Purchases a second in each database: the median of the rounds."""
    rounds = in_turns([Worker(name, _purchases, buyer) for name in names], ROUNDS)
    return [A_ROUND / median(found[1:]) for found in rounds]


def _purchases(number: int, buyer: Organisation) -> float:
    """Seconds that the round's purchases took, each of an offer found before, off the clock."""
    draws, seconds = random.Random(number), 0.0
    for _ in range(A_ROUND):
        offer = an_offer(draws, buyer)
        start = perf_counter()
        accept(take(offer, buyer))
        seconds += perf_counter() - start
    return seconds


def _slurm_at_5000() -> float:
    """Slurm's reservations a second with 5,000 present; says on stderr whose figure it is."""
    if not _slurm.is_installed():
        print(f"slurmctld is not installed: vs_slurm_5000 uses the published {SLURM_AT_5000:g}/s.", file=sys.stderr)
        return SLURM_AT_5000
    rate = _slurm.reservations_a_second(SIZES[1])
    print(f"slurmctld ran beside: {rate:.1f} reservations a second with 5,000 present.", file=sys.stderr)
    return rate


def _over_http(names: list[str], secret: str) -> list[tuple[float, float]]:
    """For each database the statements and the CPU (ms) of a purchase: medians of the rounds."""
    with ExitStack() as stack:
        webs = []
        for name in names:
            connection.close()
            connection.settings_dict["NAME"] = name
            webs.append(stack.enter_context(Web(secret)))
        costs: list[list[tuple[float, float]]] = [[] for _ in names]
        for number in range(HTTP_ROUNDS):
            for web, name, found in zip(webs, names, costs, strict=True):
                found.append(_round_over_http(web, name, number))
    return [(median(q for q, _ in found[1:]), median(c for _, c in found[1:])) for found in costs]


def _round_over_http(web: Web, database: str, number: int) -> tuple[float, float]:
    draws = random.Random(number)
    keyed = fresh_key(draws)
    statements, cpu = statements_run(database), web.cpu_seconds()
    for _ in range(HTTP_A_ROUND):
        accept_over_http(web, quote_over_http(web, draws, keyed), keyed())
    cpu, statements = web.cpu_seconds() - cpu, statements_run(database) - statements
    return statements / HTTP_A_ROUND, cpu * 1000 / HTTP_A_ROUND
