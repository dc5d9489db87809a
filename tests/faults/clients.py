"""Buyers over HTTP who write down what they were told, and ask again with the same key when they were told nothing."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg

T = TypeVar("T")
PATIENCE = 90.0  # a program that was killed starts again meanwhile, on two busy cores
NOBODY_THERE = (OSError, http.client.HTTPException, json.JSONDecodeError)


@dataclass(frozen=True)
class Told:
    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return str(self.body.get("code", ""))


class Client:
    """A program with a key. An answer that says nothing certain (none, 500, 503, in_progress) is asked for again."""

    def __init__(self, url: str, key: str) -> None:
        self._host, self._key = urlsplit(url).netloc, key

    def once(self, method: str, path: str, body: Any = None, *, idempotency_key: str = "") -> Told:
        """One request on a connection of its own. Raises one of NOBODY_THERE."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        link = http.client.HTTPConnection(self._host, timeout=20)
        try:
            link.request(method, f"/api/v1{path}", json.dumps(body or {}) if method == "POST" else None, headers)
            answer = link.getresponse()
            return Told(answer.status, json.loads(answer.read()), dict(answer.headers))
        finally:
            link.close()

    def holds(self, reservation: str) -> bool:
        return self.certain("GET", f"/reservations/{reservation}").status == 200

    def certain(self, method: str, path: str, body: Any = None, *, idempotency_key: str = "") -> Told:
        """The first answer that says what happened."""
        deadline = time.monotonic() + PATIENCE
        last: Any = None
        while time.monotonic() < deadline:
            try:
                last = told = self.once(method, path, body, idempotency_key=idempotency_key)
            except NOBODY_THERE as nobody:
                last = nobody
                time.sleep(0.05)
                continue
            if told.status < 500 and told.code != "in_progress":
                return told
            time.sleep(0.05)
        raise AssertionError(f"{method} {path} had no certain answer within {PATIENCE:.0f} s: {last!r}")


@dataclass
class Buyers:
    """Some buyers who take quotes and accept them until they are stopped."""

    client: Client
    need: Callable[[random.Random], dict[str, Any]]
    seed: int
    shorten: Callable[[str, random.Random], None] | None = None
    confirmed: dict[str, str] = field(default_factory=dict)  # quote -> reservation
    refused: dict[str, str] = field(default_factory=dict)  # quote -> code
    accepting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    errors: list[BaseException] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, count: int) -> None:
        for number in range(count):
            thread = threading.Thread(target=self._work, args=(number,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE * 2)
        if self.errors:
            raise self.errors[0]

    def wait_for_an_acceptance(self) -> None:
        """Until somebody is about to send one."""
        while self.accepting.acquire(blocking=False):
            pass
        assert self.accepting.acquire(timeout=PATIENCE), "nobody accepts anything any more"

    def _work(self, number: int) -> None:
        rng = random.Random(f"{self.seed} {number}")
        try:
            while not self._over.is_set():
                self._buy(rng)
        except BaseException as error:
            self.errors.append(error)

    def _buy(self, rng: random.Random) -> None:
        found = self.client.certain("POST", "/offers", self.need(rng))
        offers = found.body.get("offers", [])
        assert offers, found
        key = f"{rng.getrandbits(64):x}"
        taken = self.client.certain("POST", "/quotes", {"offer": offers[0]["id"]}, idempotency_key=f"q-{key}")
        if taken.status != 201:
            return
        quote = str(taken.body["id"])
        if self.shorten:
            self.shorten(quote, rng)
        self.accepting.release()
        told = self.client.certain("POST", f"/quotes/{quote}/accept", idempotency_key=f"a-{key}")
        if told.status == 201:
            self._write_down(quote, told, key)
        else:
            self.refused[quote] = told.code

    def _write_down(self, quote: str, told: Told, key: str) -> None:
        """What was confirmed; a repeat with the same key says the same."""
        self.confirmed[quote] = str(told.body["id"])
        again = self.client.certain("POST", f"/quotes/{quote}/accept", idempotency_key=f"a-{key}")
        assert (again.status, again.body.get("id")) == (201, told.body["id"]), (told, again)


def at_once(works: list[Callable[[], T]]) -> list[T]:
    """What each of these answered; they start together."""
    start, answers = threading.Barrier(len(works)), {}

    def one(number: int, work: Callable[[], T]) -> None:
        start.wait(30)
        answers[number] = work()

    threads = [threading.Thread(target=one, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return [answers[number] for number in range(len(works))]


def lapse_at(session: "psycopg.Connection[Any]", quote: str, milliseconds: float) -> None:
    """The quote and its hold end so many milliseconds from now, by the database's clock."""
    session.execute(
        """
        WITH q AS (
            UPDATE pricing_quote SET expires_at = clock_timestamp() + %s * interval '1 millisecond'
            WHERE public_id = %s AND status = 'open' RETURNING claim_id, expires_at)
        UPDATE marketplace_claim c SET expires_at = q.expires_at FROM q WHERE c.id = q.claim_id AND c.status = 'held'
        """,
        [milliseconds, quote],
    )
