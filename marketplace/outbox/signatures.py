"""Signatures as Standard Webhooks 1.0.0 has them, and secrets that are derived instead of stored. Pure.

    signature = "v1," + base64(HMAC-SHA256(secret, id + "." + timestamp + "." + body))

A secret is HMAC-SHA256(master key, "webhook secret 1" NUL endpoint NUL salt): 32 bytes, shown as `whsec_` and base64.
The salt stands in the database and the master key does not, so neither alone can sign.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

PREFIX = "whsec_"


def derive(master: bytes, *, endpoint: str, salt: str) -> bytes:
    """The 32 bytes of an endpoint's secret."""
    return hmac.digest(master, b"\0".join((b"webhook secret 1", endpoint.encode(), salt.encode())), "sha256")


def shown(secret: bytes) -> str:
    """`whsec_…`: how a receiver is told its secret."""
    return PREFIX + base64.b64encode(secret).decode()


def fingerprint(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def signature(secret: bytes, *, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature. Neither id nor timestamp may hold a dot, which would let two messages share a signature."""
    assert "." not in message_id
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def headers(secrets: Sequence[bytes], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; one signature for every secret that is valid now, so that a receiver may change in between."""
    signed = [signature(each, message_id=message_id, timestamp=timestamp, body=body) for each in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signed),
    }


def payload(*, name: str, at: str, data: Mapping[str, Any], event: str, subject: str) -> bytes:
    """The body: the event's type, when it happened and its data, with its id and what it is about beside them."""
    body = {"type": name, "timestamp": at, "data": data, "id": event, "subject": subject}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, sort_keys=False).encode()
