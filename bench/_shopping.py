"""Buying as a client does: a need, its first offer, a quote, the acceptance. Each step is a change of its own."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bench._market import DAYS, LOT
from bench._web import Web
from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.parties.models import Organisation
from marketplace.units import clock
from marketplace.units.firmness import FIRMNESS
from pricing.quotes.actions import take_quote
from pricing.quotes.models import Quote
from pricing.quotes.need import Need, Range
from pricing.quotes.search import search
from reservations.booking.actions import accept_quote
from reservations.booking.models import Reservation

LENGTH, WINDOW = 28, 28  # days


def some_need(draws: random.Random, now: datetime) -> Need:
    """A few lots for four weeks, to start within four weeks of some day, of any pool."""
    gpus = LOT * draws.randint(1, 8)
    first = now.date() + timedelta(days=1 + draws.randint(0, DAYS - LENGTH - WINDOW - 1))
    last = first + timedelta(days=WINDOW - 1)
    return Need(Range(gpus, gpus), Range(LENGTH, LENGTH), first, last, draws.choice(FIRMNESS))


def an_offer(draws: random.Random, buyer: Organisation) -> str:
    """The best offer's token."""
    now = clock.now()
    return search(need=some_need(draws, now), organisation_id=buyer.pk, now=now).offers[0].id


def take(offer: str, buyer: Organisation) -> Quote:
    return change.run(lambda: take_quote(offer=offer, organisation=buyer, by=SYSTEM))


def accept(quote: Quote) -> Reservation:
    return change.run(lambda: accept_quote(public_id=quote.public_id, by=SYSTEM, organisation_id=quote.organisation_id))


def quote_over_http(web: Web, draws: random.Random, keyed: Callable[[], dict[str, str]]) -> str:
    """Searches and takes a quote; its id."""
    web.timed("POST", "/api/v1/offers", some_need(draws, clock.now()).as_json())
    offer = web.last["offers"][0]["id"]
    web.timed("POST", "/api/v1/quotes", {"offer": offer}, headers=keyed())
    return str(web.last["id"])


def accept_over_http(web: Web, quote: str, headers: dict[str, str] | None = None) -> float:
    """Seconds that it took."""
    return web.timed("POST", f"/api/v1/quotes/{quote}/accept", {}, headers=headers)


def no_key() -> dict[str, str]:
    return {}


def fresh_key(draws: random.Random) -> Callable[[], dict[str, Any]]:
    """An Idempotency-Key for each change, as a client that may have to repeat itself sends one."""
    return lambda: {"Idempotency-Key": f"bench-{draws.getrandbits(120):x}"}
