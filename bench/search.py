"""Search: 20 pools x 730 days, a full calendar over all pools, and somebody buys between any two searches.

Needs of one third each with windows of 28 days, 180 days and the whole horizon. `pure` is `search()`: from a need to
offers and the calendar, with everything that it reads. It is timed in two databases in turns, one with 1,000
reservations and one with a million (`growth`). Over HTTP, POST /api/v1/offers takes turns with GET of one quote,
through gunicorn as the demo runs it, over one connection that stays open.

After every search, the cheapest block of its answer is bought and committed. Every answer is compared with prices
worked out from the rows themselves, read without anything that is kept: the run fails on one that missed a purchase.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any

import numpy as np
from django.db import connection, transaction

from bench._market import DAYS, LOT, open_market, reserve
from bench._scratch import scratch_database
from bench._turns import Worker, in_turns
from bench._web import Web
from marketplace.capacity import ledger
from marketplace.capacity.queries import inventory
from marketplace.catalogue.models import Pool
from marketplace.parties.models import Organisation
from marketplace.units import clock
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.money import Money
from marketplace.units.period import Period
from pricing.curve.queries import current_versions, pool_prices
from pricing.quotes.models import Quote
from pricing.quotes.need import Need, Range
from pricing.quotes.offers import Offer
from pricing.quotes.search import search

FEW, MANY = 1_000, 1_000_000
ROUNDS, SEARCHES = 9, 30  # each round times so many searches, in each database
REQUESTS = 300
WARM = 40  # of those: every thread of the server has a connection and the arrays
ALONE = 150  # searches over HTTP with nothing between them, to count CPU
WINDOWS = (28, 180, DAYS)
GOALS = {"pure_p95_ms": 5.0, "http_p95_ratio": 3.0, "growth": 1.2, "cpu_ms": None}


class PurchaseMissed(Exception):
    """An answer did not show what had been bought before it was asked for."""


def run() -> Iterator[tuple[str, float, float | None]]:
    with scratch_database("headroom_bench_search_few"):
        now = clock.now()
        buyer, secret = open_market(now)
        reserve(FEW, 50 * LOT, buyer, now)
        few = connection.settings_dict["NAME"]
        with scratch_database("headroom_bench_search_many", copy_of=str(few)):
            reserve(MANY - FEW, LOT, buyer, now)
            yield from _figures(str(few), buyer, secret)


def _figures(few: str, buyer: Organisation, secret: str) -> Iterator[tuple[str, float, float | None]]:
    many = str(connection.settings_dict["NAME"])
    connection.close()
    pure = in_turns([Worker(few, _searches, buyer.pk), Worker(many, _searches, buyer.pk)], ROUNDS)
    slow, fast = (p95([s for part in parts[1:] for s in part]) for parts in (pure[1], pure[0]))
    yield "pure_p95_ms", slow * 1000, GOALS["pure_p95_ms"]
    yield "growth", slow / fast, GOALS["growth"]
    ratio, cpu = _over_http(buyer, secret)
    yield "http_p95_ratio", ratio, GOALS["http_p95_ratio"]
    yield "cpu_ms", cpu, GOALS["cpu_ms"]


def p95(seconds: Sequence[float]) -> float:
    return float(np.quantile(seconds, 0.95))


def _searches(number: int, buyer_id: int) -> list[float]:
    """One round: searches, each after the purchase of what the one before offered."""
    draws, seconds = random.Random(number), []
    for turn in range(SEARCHES):
        now = clock.now()
        need = _need(draws, turn, now)
        start = perf_counter()
        found = search(need=need, organisation_id=buyer_id, now=now)
        seconds.append(perf_counter() - start)
        _compare_and_buy([_of_offer(offer) for offer in found.offers], now)
    return seconds


def _need(draws: random.Random, turn: int, now: datetime) -> Need:
    """Any accelerator, anywhere; the window is as long as its turn says, within the horizon."""
    days, quantity = draws.randint(7, 90), draws.randint(1, 2048)
    last = now.date() + timedelta(days=DAYS - days)
    width = min(WINDOWS[turn % len(WINDOWS)], DAYS - days)
    first = now.date() + timedelta(days=1 + draws.randint(0, DAYS - days - width))
    until = min(first + timedelta(days=width - 1), last)
    return Need(Range(quantity, quantity), Range(days, days), first, until, draws.choice(FIRMNESS))


@dataclass(frozen=True)
class Block:
    """What was offered, whichever door said so."""

    pool_id: int
    period: Period
    quantity: int
    firmness: str
    total: Money


def _of_offer(offer: Offer) -> Block:
    terms = offer.terms
    return Block(offer.pool.pk, terms.period, terms.quantity, terms.firmness, terms.total)


def _of_json(offer: dict[str, Any], pools: dict[str, int]) -> Block:
    period = Period(date.fromisoformat(offer["start"]), date.fromisoformat(offer["end_exclusive"]))
    total = Money(Decimal(offer["total"]["amount"]), offer["total"]["currency"])
    return Block(pools[offer["pool"]], period, offer["quantity"], offer["firmness"], total)


def _compare_and_buy(blocks: Sequence[Block], now: datetime) -> None:
    """Compares the price of every block with the rows, and buys the first of them."""
    prices = pool_prices(current_versions().values())
    for block in blocks:
        left = inventory(pool_ids=[block.pool_id], period=block.period, now=now).room()[0, rank(block.firmness)]
        of = prices[block.pool_id]
        total = of.price(block.firmness, block.period, left, block.quantity, quoted_on=now.date()).total
        if left.min() < block.quantity or total != block.total:
            raise PurchaseMissed(f"pool {block.pool_id} from {block.period.start}: {block.total}, by the rows {total}.")
    line = ledger.Line(blocks[0].pool_id, blocks[0].period, blocks[0].quantity)
    with transaction.atomic():
        ledger.commit(holder="rsv_bench", firmness=blocks[0].firmness, lines=[line], now=now)


def _over_http(buyer: Organisation, secret: str) -> tuple[float, float]:
    """p95 of a search over p95 of one quote, and the CPU of app and database for a search, ms."""
    quote = Quote.objects.filter(organisation=buyer).latest("pk").public_id
    pools = dict(Pool.objects.values_list("public_id", "pk"))
    with Web(secret) as web:
        draws, reads, searches = random.Random(1), [], []
        for turn in range(REQUESTS):
            now = clock.now()
            reads.append(web.timed("GET", f"/api/v1/quotes/{quote}"))
            searches.append(web.timed("POST", "/api/v1/offers", _need(draws, turn, now).as_json()))
            _compare_and_buy([_of_json(offer, pools) for offer in web.last["offers"]], now)
        before = web.cpu_seconds()
        for turn in range(ALONE):
            web.timed("POST", "/api/v1/offers", _need(draws, turn, now).as_json())
        cpu = (web.cpu_seconds() - before) / ALONE
    return p95(searches[WARM:]) / p95(reads[WARM:]), cpu * 1000
