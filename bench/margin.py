"""Whether the time of an answer tells the margin in the walk-away price: engine and refusals, under two of them.


Every round takes two quotes for one need, and asks the same of both: a total 3 % lower, which the engine answers with
what it would take in return, and a total below the floor, which is refused. One is asked under a margin of 1 %, the
other under 35 %, first the one and in the next round first the other; margins are published off the clock. `*_ratio` is
the median, over rounds, of the time under the large margin over that under the small one; `*_p` is Wilcoxon's
two-sided test of the pairs: where the margin does not matter it lies anywhere between 0 and 1, and below 0.001 once in
a thousand runs. Never part of the suite, which compares bytes and statements instead (tests/pricing/test_no_secret.py).
"""

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from statistics import median
from time import perf_counter

from scipy.stats import wilcoxon

from bench._market import open_market
from bench._scratch import scratch_database
from bench._shopping import an_offer, take
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.parties.models import Organisation
from marketplace.units import clock
from pricing.negotiation.actions import counter_quote
from pricing.negotiation.counters import BadCounter, Wish
from pricing.negotiation.margins import NegotiationPolicy
from pricing.quotes.actions import release_quote
from pricing.quotes.models import Quote

MARGINS = (Decimal(1), Decimal(35))
ROUNDS, WARM = 200, 20
LEAST_P = 0.001
VERSIONS = itertools.count(1)
Pair = tuple[float, float]  # seconds under either margin


def run() -> Iterator[tuple[str, float, float | None]]:
    with scratch_database("headroom_bench_margin"):
        buyer, _ = open_market(clock.now())
        draws = random.Random(20270101)
        rounds = [_round(draws, buyer, number) for number in range(WARM + ROUNDS)][WARM:]
        for name, pairs in (("engine", [engine for engine, _ in rounds]), ("refusal", [no for _, no in rounds])):
            yield f"{name}_ratio", median(large / small for small, large in pairs), None
            yield f"{name}_p", float(wilcoxon([large - small for small, large in pairs]).pvalue), LEAST_P


def _round(draws: random.Random, buyer: Organisation, number: int) -> tuple[Pair, Pair]:
    offer = an_offer(draws, buyer)
    engine, refusal = {}, {}
    for margin in MARGINS if number % 2 else MARGINS[::-1]:
        NegotiationPolicy.objects.create(
            version=next(VERSIONS), starts_at=clock.now(), published_by="bench", margin_percent=margin
        )
        quote = take(offer, buyer)
        refusal[margin] = _timed(_counter(quote, Decimal("0.01")))
        engine[margin] = _timed(_counter(quote, (quote.total * 97 / 100).quantize(Decimal("0.01"))))
        change.run(lambda quote=quote: release_quote(public_id=quote.public_id, by=SYSTEM, organisation_id=buyer.pk))  # type: ignore[misc]
    small, large = MARGINS
    return (engine[small], engine[large]), (refusal[small], refusal[large])


def _counter(quote: Quote, total: Decimal) -> Callable[[], object]:
    return lambda: counter_quote(
        public_id=quote.public_id, wish=Wish(total=total), by=SYSTEM, organisation_id=quote.organisation_id
    )


def _timed(ask: Callable[[], object]) -> float:
    start = perf_counter()
    with suppress(BadCounter):
        change.run(ask)
    return perf_counter() - start
