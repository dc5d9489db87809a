"""Safe to retry: a change with an Idempotency-Key happens once, and a repeat hears the first answer again."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.problems import Invalid, error
from marketplace.change import change

T = TypeVar("T")
HEADER = "Idempotency-Key"
USABLE = re.compile(r"[\x21-\x7e]{1,255}")
NO_KEY = '199 headroom "Sent without Idempotency-Key: a repeat of this request would be a second change."'


def answer_once(
    request: Request, *, organisation_id: int, action: Callable[[], T], render: Callable[[T], tuple[int, Any]]
) -> Response:
    """Runs the action as one change and answers with what it made."""
    key = _key(request)
    answer = change.run_once(
        action,
        organisation_id=organisation_id,
        key=key,
        request=b" ".join([str(request.method).encode(), request.path.encode(), request.body]),
        render=render,
    )
    response = Response(answer.body, status=answer.status)
    if key is None:
        response["Warning"] = NO_KEY
    if answer.replayed:
        response["Idempotent-Replayed"] = "true"
    return response


def _key(request: Request) -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and not USABLE.fullmatch(key):
        raise Invalid([error(f"/{HEADER}", "invalid", "Send 1 to 255 visible ASCII characters without spaces.")])
    return key
