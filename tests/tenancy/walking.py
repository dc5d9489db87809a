"""Every address of the product as Django's resolver knows it, and what one answers to whom."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote

from django.db import connection, transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PARAMETER = re.compile(r"<(?:\w+:)?\w+>|\(\?P<\w+>[^)]*\)")
# What differs from one answer to the next, whoever asks.
FLEETING = (
    re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"'),
    re.compile(rb'"nonce-[^"]*"'),
    re.compile(rb"off_[\w.:%=-]+"),
)
UNCOMPARED = ("Set-Cookie", "Content-Length", "Expires")
# What any request may write: that a key was used, and a session.
ANYWAY = re.compile(r'^UPDATE "marketplace_apikey" SET "last_used_at"|"django_session"')
WRITES = re.compile(r"^\s*(INSERT|UPDATE|DELETE|TRUNCATE|COPY)|capacity_(claim|move)\s*\(")


def routes() -> list[str]:
    """The pattern of every address, as the URL files spell it."""
    return [prefix + str(pattern.pattern) for prefix, pattern in _walk(get_resolver(), "")]


def _walk(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _walk(each, prefix + str(each.pattern))
        else:
            yield prefix, each


def address(pattern: str, values: tuple[str, ...]) -> str:
    """The pattern with its parameters filled in, in their order."""
    rest = iter(values)
    return "/" + PARAMETER.sub(lambda _: next(rest), pattern).replace("^", "").replace("$", "")


@dataclass(frozen=True)
class Answer:
    """What came back, without what differs each time."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]
    writes: tuple[str, ...] = field(compare=False)

    @property
    def location(self) -> str:
        return dict(self.headers).get("Location", "")


@dataclass(frozen=True)
class Caller:
    """Somebody at a browser, or a program with a key."""

    name: str
    client: Client
    key: str = ""

    def ask(
        self, method: str, path: str, sent: dict[str, Any] | None = None, *, without: tuple[str, ...] = ()
    ) -> Answer:
        """One request, and nothing of it stays; every word of `without` is taken out of the answer."""
        cookies = SimpleCookie(self.client.cookies)
        with transaction.atomic(), _watched() as writes:
            answer = self._send(method, path, sent)
            found = _plain(answer, without, writes)
            transaction.set_rollback(True)
        self.client.cookies = cookies
        return found

    def _send(self, method: str, path: str, sent: dict[str, Any] | None) -> HttpResponseBase:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        send: Callable[..., Any] = getattr(self.client, method.lower())
        if method == "GET":
            return send(path, sent or {}, headers=headers)
        if path.startswith("/api/"):
            return send(path, sent or {}, content_type="application/json", headers=headers)
        return send(path, sent or {}, headers=headers) if method == "POST" else send(path, headers=headers)


def _plain(answer: HttpResponseBase, without: tuple[str, ...], writes: list[str]) -> Answer:
    body = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
    for fleeting in FLEETING:
        body = fleeting.sub(b"", body)
    # Whole words only: a number may stand inside of anything.
    asked = rf"(?<!\w)(?:{'|'.join(map(re.escape, without))})(?!\w)" if without else "(?!)"
    body = re.sub(asked.encode(), b"*", body)
    headers = [(name, re.sub(asked, "*", unquote(value))) for name, value in answer.items() if name not in UNCOMPARED]
    return Answer(answer.status_code, body, tuple(sorted(headers)), tuple(writes))


@contextmanager
def _watched() -> Iterator[list[str]]:
    """The statements that write something, other than what any request may."""
    seen: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if WRITES.search(sql) and not ANYWAY.search(sql):
            seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield seen
