"""Bodies and query strings, read strictly: what is unknown, repeated or of another type is refused, not ignored.

A misspelt limit price must never become "no limit".
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from marketplace.api.problems import Error, Invalid, MalformedJson, PayloadTooLarge, error

MOST_BYTES = 65_536
# PostgreSQL stores no NUL, and a lone surrogate is no character.
UNUSABLE = re.compile("[\x00\ud800-\udfff]")


class StrictJson(BaseParser):
    """One JSON value in UTF-8: no key twice in an object, no NaN, no text that cannot be stored."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        raw = stream.read()
        try:
            text = raw.decode()
            value = json.loads(text, object_pairs_hook=_once, parse_constant=_not_a_number)
            unusable = any(UNUSABLE.search(each) for each in _texts(value))
        except RecursionError as failure:
            raise MalformedJson("The body is nested too deeply.") from failure
        except ValueError as failure:
            raise MalformedJson(f"The body is not JSON: {failure}.") from failure
        if unusable:
            raise MalformedJson("The body has characters that no text can hold (NUL or half a surrogate pair).")
        return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _not_a_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def refuse_large_body(request: Request, most: int = MOST_BYTES) -> None:
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if not length.isdecimal() or int(length) > most:
        raise PayloadTooLarge(f"A body has at most {most} bytes.")


class Strict(serializers.Serializer[Any]):
    """A shape from outside: unknown fields are errors like any other."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"non_field_errors": [ErrorDetail("Send an object.", "not_an_object")]})
        unknown = {name: [self._unknown()] for name in data if name not in self.fields}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as failure:
            raise serializers.ValidationError({**failure.detail, **unknown}) from failure  # type: ignore[dict-item]
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def _unknown(self) -> ErrorDetail:
        known = ", ".join(self.fields) or "none"
        return ErrorDetail(f"There is no such field. Known: {known}.", code="unknown_field")


class Text(serializers.CharField):
    """A string and nothing that could be turned into one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Day(serializers.DateField):
    """A date such as 2027-02-01, written in full."""

    def to_internal_value(self, value: Any) -> date:
        try:
            if not isinstance(value, str) or len(value) != len("2027-02-01"):
                raise ValueError
            return date.fromisoformat(value)
        except ValueError:
            raise serializers.ValidationError("Send a date such as 2027-02-01.", code="invalid") from None


def read(shape: type[Strict], data: Any) -> dict[str, Any]:
    """The checked fields. Raises Invalid with every field at fault."""
    serializer = shape(data=data)
    if not serializer.is_valid():
        raise Invalid(list(_errors(serializer.errors, "")))
    found: dict[str, Any] = serializer.validated_data
    return found


def read_query(shape: type[Strict], query: QueryDict) -> dict[str, Any]:
    """The checked query parameters: each at most once; `metadata[key]=value` becomes an entry of `metadata`."""
    repeated = [error(f"/{name}", "repeated", "Send it once.") for name in query if len(query.getlist(name)) > 1]
    if repeated:
        raise Invalid(repeated)
    data: dict[str, Any] = {}
    for name, value in query.items():
        outer, bracket, inner = name.partition("[")
        if bracket and inner.endswith("]") and len(inner) > 1:
            data.setdefault(outer, {})[inner[:-1]] = value
        else:
            data[name] = value
    return read(shape, data)


def _errors(found: Any, pointer: str) -> Iterator[Error]:
    """Django REST framework's nested errors as a flat list with JSON pointers."""
    if isinstance(found, ErrorDetail):
        yield error(pointer, found.code or "invalid", str(found))
    elif isinstance(found, Mapping):
        for name, inner in found.items():
            step = "" if name == "non_field_errors" else f"/{_escaped(name)}"
            yield from _errors(inner, pointer + step)
    else:
        for inner in found:
            yield from _errors(inner, pointer)


def _escaped(name: Any) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")
