"""The OpenAPI description: generated from the views, committed as docs/openapi.json, served with a page to read it."""

from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from marketplace.web.errors import CODES, PROBLEM_JSON


class ErrorShape(serializers.Serializer[Any]):
    """One field at fault."""

    pointer = serializers.CharField(help_text="JSON pointer into the body; parameters and headers are named alike")
    code = serializers.CharField()
    message = serializers.CharField(help_text="What would be right")


class ProblemShape(serializers.Serializer[Any]):
    """An error as RFC 9457 has it."""

    type = serializers.URLField(help_text="A page about this code")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="Stable: " + ", ".join(sorted(CODES)))
    errors = ErrorShape(many=True)
    scope = serializers.CharField(required=False, help_text="With scope_required: the scope that is missing")


def problems(*statuses: int, **shapes: type[serializers.Serializer[Any]]) -> dict[tuple[int, str], Any]:
    """Responses for the schema: a problem for each status, or the named shape where a status has more to say."""
    return {(status, PROBLEM_JSON): shapes.get(f"of_{status}", ProblemShape) for status in statuses}


def keyed() -> list[OpenApiParameter]:
    """The header of every change."""
    return [
        OpenApiParameter(
            "Idempotency-Key",
            str,
            OpenApiParameter.HEADER,
            description="1 to 255 visible ASCII characters. A repeat with the same key hears the first answer.",
        )
    ]


class ApiSchema(AutoSchema):
    """Names in the description are the product's words: Quote, and not QuoteShape."""

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        name: str = super().get_serializer_name(serializer, direction)
        return name.removesuffix("Shape")


class BearerKey(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the generator about API keys; it registers itself."""

    target_class = "marketplace.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: hr_live_…"}


@cache
def openapi() -> dict[str, Any]:
    """The whole description. It follows from the code alone, so a process makes it once."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found
