"""A full acceptance against one row, validated and inserted, through the same stack in the same run.

In process: `accept_quote` through `change.run`, as every face does it, and `Row.full_clean()` with its INSERT through
`change.run`. Over HTTP: POST /quotes/{id}/accept and POST of one row with the same authentication, strict reading and
transaction, gunicorn as the demo runs it, one connection that stays open. Nobody sends an Idempotency-Key, which would
cost both the same and so flatter the ratio. Every quote is taken through the product just before, off the clock.
Acceptances and rows take turns one by one; so do databases of 1,000 and of a million reservations (`growth`).
Durable: fsync and synchronous_commit as the server is set.
"""

import random
from collections.abc import Iterator, Sequence
from statistics import median
from time import perf_counter

from django.db import connection

from bench import _one_row
from bench._market import LOT, open_market, reserve
from bench._scratch import scratch_database
from bench._shopping import accept, accept_over_http, an_offer, no_key, quote_over_http, take
from bench._turns import Worker, in_turns
from bench._web import Web
from marketplace.change import change
from marketplace.parties.models import Organisation
from marketplace.units import clock

FEW, MANY = 1_000, 1_000_000
ROUNDS, A_ROUND = 12, 25  # the first round warms up
REQUESTS, WARM = 200, 30
GOALS = {"django_ratio": 0.4, "http_ratio": 0.4, "growth": 1.2}

Timed = tuple[list[float], list[float]]  # seconds of each acceptance, and of each row


def run() -> Iterator[tuple[str, float, float | None]]:
    with scratch_database("headroom_bench_accept_few"):
        now = clock.now()
        buyer, secret = open_market(now)
        _one_row.make_table()
        reserve(FEW, LOT, buyer, now)
        few = str(connection.settings_dict["NAME"])
        with scratch_database("headroom_bench_accept_many", copy_of=few):
            reserve(MANY - FEW, LOT, buyer, now)
            many = str(connection.settings_dict["NAME"])
            connection.close()
            at_few, at_many = in_turns([Worker(few, _acceptances, buyer), Worker(many, _acceptances, buyer)], ROUNDS)
            yield "django_ratio", ratio(at_many[1:]), GOALS["django_ratio"]
            yield "growth", _accepting(at_many[1:]) / _accepting(at_few[1:]), GOALS["growth"]
            yield "http_ratio", ratio(_over_http(secret)), GOALS["http_ratio"]


def ratio(rounds: Sequence[Timed]) -> float:
    """How many acceptances in the time of one row: the median of the rounds."""
    return median(median(rows) / median(accepted) for accepted, rows in rounds)


def _accepting(rounds: Sequence[Timed]) -> float:
    return median(seconds for accepted, _ in rounds for seconds in accepted)


def _acceptances(number: int, buyer: Organisation) -> Timed:
    draws = random.Random(number)
    accepted, rows = [], []
    for _ in range(A_ROUND):
        quote = take(an_offer(draws, buyer), buyer)
        start = perf_counter()
        accept(quote)
        accepted.append(perf_counter() - start)
        start = perf_counter()
        change.run(lambda: _one_row.insert_row(organisation_id=buyer.pk, now=clock.now(), **_one_row.BODY))
        rows.append(perf_counter() - start)
    return accepted, rows


def _over_http(secret: str) -> list[Timed]:
    draws = random.Random(1)
    accepted, rows = [], []
    with Web(secret, settings=_one_row.SETTINGS) as web:
        for _ in range(REQUESTS):
            quote = quote_over_http(web, draws, no_key)
            accepted.append(accept_over_http(web, quote))
            rows.append(web.timed("POST", _one_row.ADDRESS, _one_row.BODY))
    steps = range(WARM, REQUESTS, A_ROUND)
    return [(accepted[at : at + A_ROUND], rows[at : at + A_ROUND]) for at in steps]
