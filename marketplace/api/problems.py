"""Every failure as one problem (RFC 9457). Upper packages register their own failures with `explain`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from marketplace.api.authentication import ScopeRequired
from marketplace.change.change import Busy, IdempotencyMismatch, InProgress
from marketplace.web.errors import CODES, PROBLEM_JSON, problem_json

Error = dict[str, str]
OURS = ("marketplace", "pricing", "reservations")


@dataclass(frozen=True)
class Problem:
    """What to answer: a code of marketplace/web/errors.py, and what is particular to this time."""

    code: str
    detail: str = ""
    errors: Sequence[Error] = ()
    more: dict[str, Any] = field(default_factory=dict)
    retry_after: int | None = None


class Invalid(Exception):
    """The request makes no sense; `errors` names every field at fault."""

    def __init__(self, errors: Sequence[Error]) -> None:
        super().__init__(", ".join(error["pointer"] for error in errors))
        self.errors = list(errors)


class MalformedJson(Exception):
    """The body is not one JSON value."""


class PayloadTooLarge(Exception):
    """The body is larger than any request needs."""


def error(pointer: str, code: str, message: str) -> Error:
    return {"pointer": pointer, "code": code, "message": message}


@singledispatch
def explain(failure: Exception) -> Problem | None:
    """The problem that a failure is answered with; None for a bug, which becomes `internal_error` and is logged."""
    return None


@explain.register(exceptions.NotAuthenticated)
@explain.register(exceptions.AuthenticationFailed)
def _(failure: exceptions.APIException) -> Problem:
    return Problem("not_authenticated")


@explain.register
def _(failure: ScopeRequired) -> Problem:
    return Problem("scope_required", str(failure), more={"scope": failure.scope})


@explain.register(exceptions.PermissionDenied)
@explain.register(DjangoPermissionDenied)
def _(failure: Exception) -> Problem:
    return Problem("forbidden")


@explain.register(exceptions.NotFound)
@explain.register(Http404)
def _(failure: Exception) -> Problem:
    return Problem("not_found")


@explain.register
def _(failure: exceptions.MethodNotAllowed) -> Problem:
    return Problem("method_not_allowed")


@explain.register
def _(failure: exceptions.UnsupportedMediaType) -> Problem:
    return Problem("unsupported_media_type")


@explain.register
def _(failure: MalformedJson) -> Problem:
    return Problem("malformed_json", str(failure))


@explain.register
def _(failure: PayloadTooLarge) -> Problem:
    return Problem("payload_too_large", str(failure))


@explain.register
def _(failure: Invalid) -> Problem:
    return Problem("invalid", errors=failure.errors)


@explain.register
def _(failure: IdempotencyMismatch) -> Problem:
    return Problem("idempotency_mismatch")


@explain.register
def _(failure: InProgress) -> Problem:
    return Problem("in_progress", retry_after=1)


@explain.register
def _(failure: Busy) -> Problem:
    return Problem("busy", retry_after=1)


def refusals() -> tuple[type[Exception], ...]:
    """The failures of our own that have been given a code, for a page to catch."""
    return tuple(kind for kind in explain.registry if kind.__module__.partition(".")[0] in OURS)


def sentence(failure: Exception) -> str:
    """What people read on a page where REST answers with a problem: the same words."""
    found = explain(failure)
    if found is None:
        return str(failure)
    at_fault = " ".join(each["message"] for each in found.errors) if found.code == "invalid" else ""
    return found.detail or at_fault or CODES[found.code].meaning


def handler(failure: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's exception handler."""
    found = explain(failure)
    if found is None:
        return None
    body = problem_json(found.code, found.detail, errors=list(found.errors), **found.more)
    response = Response(body, status=body["status"], content_type=PROBLEM_JSON)
    if body["status"] == 401:
        response["WWW-Authenticate"] = getattr(failure, "auth_header", "Bearer")
    if found.retry_after is not None:
        response["Retry-After"] = str(found.retry_after)
    return response
