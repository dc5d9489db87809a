"""Buyers who do by turns all that binds: accept, change, accept a bundle, have it approved, take a waitlist's offer.

What they were told is written down as something that must be read back: an address and fields of its answer.
"""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.faults.clients import PATIENCE, Buyers, Client, Told

DEEDS = ("accept", "change", "bundle", "approval", "offer")


@dataclass(frozen=True)
class Fact:
    """What a client was told, and where it must be found ever after."""

    client: Client
    path: str
    fields: dict[str, Any]

    def missing(self) -> str:
        found = self.client.certain("GET", self.path)
        wrong = {name: found.body.get(name) for name, value in self.fields.items() if found.body.get(name) != value}
        return f"{self.path}: {found.status}, {wrong} instead of {self.fields}" if found.status != 200 or wrong else ""


@dataclass
class Doers(Buyers):
    """`asker` has to be approved, by `approver`; without `serves` nobody works on the waitlist, and it is left out."""

    asker: Client | None = None
    approver: Client | None = None
    serves: bool = False
    facts: list[Fact] = field(default_factory=list)
    bundles: dict[str, int] = field(default_factory=dict)  # with the number of their parts
    done: Counter[str] = field(default_factory=Counter)

    def _buy(self, rng: random.Random) -> None:
        deed = rng.choice(DEEDS if self.serves else DEEDS[:-1])
        if getattr(self, f"_{deed}")(rng, f"{rng.getrandbits(64):x}"):
            self.done[deed] += 1

    def lost(self) -> list[str]:
        return [missing for fact in list(self.facts) if (missing := fact.missing())]

    def _bind(self, client: Client, path: str, key: str) -> Told:
        """The moment in which something is killed; a repeat with the same key hears the same."""
        self.accepting.release()
        told = client.certain("POST", path, idempotency_key=f"a-{key}")
        if told.status in (200, 201):
            again = client.certain("POST", path, idempotency_key=f"a-{key}")
            assert (again.status, again.body) == (told.status, told.body), (told, again)
        return told

    def _quoted(self, client: Client, need: dict[str, Any], key: str) -> dict[str, Any] | None:
        offered = client.certain("POST", "/offers", need).body.get("offers", [])
        assert offered, need
        told = client.certain("POST", "/quotes", {"offer": offered[0]["id"]}, idempotency_key=f"q-{key}")
        return told.body if told.status == 201 else None

    def _accept(self, rng: random.Random, key: str) -> dict[str, Any] | None:
        quote = self._quoted(self.client, self.need(rng), key)
        if quote is None:
            return None
        if self.shorten:
            self.shorten(quote["id"], rng)
        told = self._bind(self.client, f"/quotes/{quote['id']}/accept", key)
        if told.status != 201:
            self.refused[quote["id"]] = told.code
            return None
        self.confirmed[quote["id"]] = told.body["id"]
        return told.body

    def _change(self, rng: random.Random, key: str) -> bool:
        """Two days more for what was just bought."""
        block = self._accept(rng, key)
        if block is None:
            return False
        end = (date.fromisoformat(block["end_exclusive"]) + timedelta(days=2)).isoformat()
        path, body = f"/reservations/{block['id']}/changes", {"kind": "extend", "end_exclusive": end}
        asked = self.client.certain("POST", path, body, idempotency_key=f"c-{key}")
        if asked.status != 201:
            return False
        told = self._bind(self.client, f"/quotes/{asked.body['id']}/accept", f"c-{key}")
        if told.status in (200, 201):
            fields = {"end_exclusive": end, "revision": 1, "total": told.body["total"]}
            self.facts.append(Fact(self.client, f"/reservations/{block['id']}", fields))
        return told.status in (200, 201)

    def _bundle(self, rng: random.Random, key: str) -> bool:
        held = self._quoted(self.client, {"parts": [self.need(rng), self.need(rng)]}, key)
        if held is None:
            return False
        self.bundles[held["id"]] = len(held["parts"])
        told = self._bind(self.client, f"/bundles/{held['id']}/accept", key)
        if told.status != 201:
            return False
        self.confirmed |= {made["quote"]: made["id"] for made in told.body["reservations"]}
        return True

    def _approval(self, rng: random.Random, key: str) -> bool:
        assert self.asker
        assert self.approver
        quote = self._quoted(self.asker, self.need(rng), key)
        if quote is None:
            return False
        asked = self.asker.certain("POST", f"/quotes/{quote['id']}/accept", idempotency_key=f"a-{key}")
        if asked.status != 201:
            return False
        assert asked.body["status"] == "pending_approval", asked
        self.confirmed[quote["id"]] = asked.body["id"]
        told = self._bind(self.approver, f"/reservations/{asked.body['id']}/approve", f"y-{key}")
        if told.status == 200:
            self.facts.append(Fact(self.asker, f"/reservations/{asked.body['id']}", {"status": "scheduled"}))
        return told.status == 200

    def _offer(self, rng: random.Random, key: str) -> bool:
        wish = self.need(rng) | {"max_unit_price": "50"}
        entry = self.client.certain("POST", "/waitlist", wish, idempotency_key=f"w-{key}").body["id"]
        deadline = time.monotonic() + PATIENCE
        while not (offer := self.client.certain("GET", f"/waitlist/{entry}").body["offer"]):
            if time.monotonic() > deadline or self._over.is_set():
                return False
            time.sleep(0.2)
        told = self._bind(self.client, f"/quotes/{offer['quote']}/accept", key)
        if told.status == 201:
            self.confirmed[offer["quote"]] = told.body["id"]
            self.facts.append(Fact(self.client, f"/waitlist/{entry}", {"status": "served"}))
        return told.status == 201
