"""A buyer with many quotes, accounts and retries learns nothing of the margin in the walk-away price.

The same script is played twice, under two margins, against engine, refusals and a sales desk that declines. Whatever
the buyers see, over REST and on pages, is the same byte for byte once ids are replaced; so is the number of queries of
each request, which is its timing class.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from marketplace.units import clock
from pricing.negotiation.desk import BeyondLimit
from pricing.negotiation.models import Negotiation
from tests.bargaining import Table, answer, below, offer, set_table
from tests.market import Market, Party, open_market

pytestmark = pytest.mark.django_db

# Ids and tokens are random by design; so is the token of a form.
RANDOM = re.compile(r"off_[\w:.-]+|hr_live_\w{4}|\b(?:[a-z]{3})_[0-9A-Za-z]{4,22}…?|csrfmiddlewaretoken\" value=\"\w+")
NOW = clock.now


@dataclass
class Record:
    """What was answered, in order, with ids replaced by the order in which they came up, and the queries it took."""

    seen: list[tuple[str, int, str, int]] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, answered: Any, queries: int) -> None:
        text = RANDOM.sub(self._named, answered.content.decode())
        self.seen.append((what, answered.status_code, text, queries))

    def _named(self, found: re.Match[str]) -> str:
        return self.ids.setdefault(found[0], f"#{len(self.ids)}")


@dataclass
class Buyer:
    """One account, over REST and on pages."""

    party: Party
    record: Record

    def post(self, path: str, body: Any, key: str | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.party.key}", **({"Idempotency-Key": key} if key else {})}
        return self._keep(
            f"POST {path.split('/')[-1]}",
            lambda: Client().post(f"/api/v1{path}", json.dumps(body), content_type="application/json", headers=headers),
        )

    def get(self, path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.party.key}"}
        return self._keep("GET", lambda: Client().get(f"/api/v1{path}", headers=headers))

    def page(self, path: str) -> None:
        client = Client()
        client.force_login(self.party.buyer)
        self._keep("page", lambda: client.get(path))

    def _keep(self, what: str, ask: Callable[[], Any]) -> dict[str, Any]:
        with CaptureQueriesContext(connection) as queries:
            answered = ask()
        self.record.add(what, answered, len(queries))
        if not answered.headers["Content-Type"].endswith("json"):
            return {}
        found: dict[str, Any] = answered.json()
        return found


def play(margin: str) -> Record:
    """The whole script in a world of its own, of which nothing is left afterwards."""
    record = Record()
    start = clock.now().replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    with transaction.atomic():
        with clock.frozen(start):
            table = set_table(open_market(), margin=margin)
            ticks = itertools.count(1)
            for step in script(table, record):
                with clock.frozen(start + timedelta(seconds=next(ticks))):
                    step()
        transaction.set_rollback(True)
    return record


def script(table: Table, record: Record) -> Iterator[Callable[[], Any]]:
    """Bargains down in small steps from two accounts, retries, insists, is declined, takes, and reads everything."""
    market = table.market
    bank, rival = Buyer(market.bank, record), Buyer(market.rival, record)
    for buyer, steps in ((bank, (1, 4, 12, 18, 19, 20, 21)), (rival, (2, 8, 16, 22))):
        for percent in steps:
            yield lambda buyer=buyer, percent=percent: bargain(table, buyer, percent)  # type: ignore[misc]
    yield lambda: bank.post(f"/quotes/{table.quote.public_id}/counter", {"unit_price": "1.0000"})
    yield lambda: insist_and_hear_no(table, bank)
    yield lambda: take_the_first(table, bank)


def quote_of(buyer: Buyer, market: Market) -> str:
    """A quote of that account for the same busy days."""
    first = market.day(5).isoformat()
    need = market.need(duration_days=10, quantity=16, start={"from": first, "to": first})
    offered = buyer.post("/offers", need)["offers"][0]["id"]
    return str(buyer.post("/quotes", {"offer": offered})["id"])


def bargain(table: Table, buyer: Buyer, percent: int) -> None:
    quote = quote_of(buyer, table.market)
    total = buyer.get(f"/quotes/{quote}")["total"]["amount"]
    wanted = {"total": {"amount": f"{float(total) * (100 - percent) / 100:.2f}", "currency": "USD"}}
    for _ in range(2):
        found = buyer.post(f"/quotes/{quote}/counter", wanted, key=f"{quote}{percent}")
    if "id" in found:
        buyer.page(f"/quotes/{quote}/")
        buyer.post(f"/negotiations/{found['id']}/take", {"trade": "trd_none"})
    buyer.post(f"/quotes/{quote}/release", {})


def insist_and_hear_no(table: Table, buyer: Buyer) -> None:
    quote = table.quote.public_id
    wanted = {"total": {"amount": str(below(table.quote, 19)), "currency": "USD"}}
    thread = buyer.post(f"/quotes/{quote}/counter", wanted)["id"]
    buyer.post(f"/negotiations/{thread}/insist", {"sentence": "Please."})
    negotiation = Negotiation.objects.get(public_id=thread)
    # Sales would like to, and may not: under one margin for the walk-away price, under the other for their limit alone.
    with pytest.raises(BeyondLimit):
        offer(negotiation, table.sales, below(table.quote, 19))
    answer("decline", negotiation, table.sales, reason="price", note="Below what we may grant.")
    buyer.get(f"/negotiations/{thread}")
    buyer.page(f"/quotes/{quote}/")
    buyer.get("/events")


def take_the_first(table: Table, buyer: Buyer) -> None:
    thread = buyer.post(f"/quotes/{table.quote.public_id}/counter", {"prepayment_percent": 50})
    buyer.post(f"/negotiations/{thread['id']}/take", {"trade": thread["steps"][-1]["trades"][0]["id"]})
    buyer.get(f"/negotiations/{thread['id']}")


def test_what_buyers_see_and_how_long_it_takes_do_not_depend_on_the_margin() -> None:
    play("1")  # warm: what a process reads once is read
    low, high = play("1"), play("35")
    assert len(low.seen) == len(high.seen) > 60
    different = [pair for pair in zip(low.seen, high.seen, strict=True) if pair[0] != pair[1]]
    assert [first_difference(*pair) for pair in different] == []
    texts = " ".join(text for _, _, text, _ in low.seen)
    assert not re.search(r"walk.?away|margin|bid price", texts, re.IGNORECASE)


def first_difference(before: tuple[str, int, str, int], after: tuple[str, int, str, int]) -> str:
    """What the answer was, and the texts around the place at which they part."""
    at = next((at for at, pair in enumerate(zip(before[2], after[2], strict=False)) if pair[0] != pair[1]), 0)
    around = slice(max(at - 60, 0), at + 60)
    return f"{before[0]} {before[1]}/{after[1]} {before[3]}/{after[3]} {before[2][around]!r} {after[2][around]!r}"


def test_twin_the_script_would_tell_a_margin_that_showed() -> None:
    """The record is of everything: one figure of the secret on one answer, and the two plays differ."""
    found = []
    for margin in ("1", "35"):
        with transaction.atomic():
            table = set_table(open_market(), margin=margin)
            record = Record()
            quote = quote_of(Buyer(table.market.bank, record), table.market)
            Buyer(table.market.bank, record).post(f"/quotes/{quote}/counter", {"quantity": 8})
            negotiation = Negotiation.objects.get()
            from pricing.negotiation import desk
            from pricing.negotiation.deals import Deal

            figures = desk.figures(quote=negotiation.quote, deal=Deal.of(negotiation.quote), now=clock.now())
            found.append(figures.walk_away.least)
            transaction.set_rollback(True)
    assert found[0] != found[1]
