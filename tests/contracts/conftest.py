import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from tests.market import Market, Party

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

API = "/api/v1"


@dataclass(frozen=True)
class Caller:
    """A program with a key. Answers are as they come over HTTP; nothing raises."""

    key: str | None

    def get(self, path: str, **query: str) -> "Answer":
        return Client(raise_request_exception=False).get(f"{API}{path}", query, headers=self._headers())

    def post(self, path: str, body: Any = None, *, idempotency_key: str | None = None) -> "Answer":
        headers = self._headers()
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        client = Client(raise_request_exception=False)
        raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        return client.post(f"{API}{path}", raw, content_type="application/json", headers=headers)

    def delete(self, path: str) -> "Answer":
        return Client(raise_request_exception=False).delete(f"{API}{path}", headers=self._headers())

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def offer(self, market: Market, **changed: Any) -> dict[str, Any]:
        """The cheapest offer for the market's usual need."""
        found: dict[str, Any] = self.post("/offers", market.need(**changed)).json()["offers"][0]
        return found

    def quote(self, market: Market, **fields: Any) -> dict[str, Any]:
        """An open quote."""
        answer = self.post("/quotes", {"offer": self.offer(market)["id"], **fields})
        assert answer.status_code == 201, answer.content
        return dict(answer.json())


def calls_of(party: Party) -> Caller:
    return Caller(party.key)


@pytest.fixture
def bank(market: Market) -> Caller:
    return calls_of(market.bank)


@pytest.fixture
def rival(market: Market) -> Caller:
    return calls_of(market.rival)
