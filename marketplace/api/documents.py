"""The description of the API: as JSON for programs, as a page for people."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from marketplace.api.schema import openapi
from marketplace.web.errors import CODES

METHODS = ("get", "post")
# The order of the page: first what buys, in the order in which it is called.
CALLS = ["search_offers", "create_quote", "accept_quote", "get_reservation", "release_quote"]


@require_GET
def schema(request: HttpRequest) -> HttpResponse:
    return JsonResponse(openapi(), json_dumps_params={"indent": 2})


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """Everything that the schema says, on one page that loads nothing from elsewhere."""
    described = openapi()
    shapes = [_shape(name, shape) for name, shape in sorted(described["components"]["schemas"].items())]
    operations = sorted(_operations(described), key=_place)
    context = {"operations": operations, "shapes": shapes, "codes": CODES}
    return render(request, "marketplace/api_docs.html", context)


def _place(operation: dict[str, Any]) -> tuple[int, str]:
    known = operation["id"] in CALLS
    return (CALLS.index(operation["id"]) if known else len(CALLS), operation["path"])


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in described["paths"].items():
        for method in METHODS:
            if method in methods:
                yield {"path": path, "method": method.upper(), **_operation(methods[method])}


def _operation(found: dict[str, Any]) -> dict[str, Any]:
    body = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return {
        "id": found["operationId"],
        "summary": found.get("summary", ""),
        "description": _prose(found.get("description", "")),
        "parameters": [{**each, "type": _type(each["schema"])} for each in found.get("parameters", [])],
        "body": _type(body) if body else None,
        "responses": [
            (status, _type(content["schema"]))
            for status, response in found["responses"].items()
            for content in response.get("content", {}).values()
        ],
    }


def _shape(name: str, shape: dict[str, Any]) -> dict[str, Any]:
    required = shape.get("required", [])
    fields = [
        {"name": field, "type": _type(of), "required": field in required, "text": of.get("description", "")}
        for field, of in shape.get("properties", {}).items()
    ]
    return {"name": name, "text": _prose(shape.get("description", "")), "fields": fields, "enum": shape.get("enum")}


def _type(of: dict[str, Any]) -> dict[str, str]:
    """What to write for a type, and the name of the shape to link to (empty for plain ones)."""
    for whole in ("allOf", "oneOf", "anyOf"):
        if whole in of:
            parts = [_type(part) for part in of[whole]]
            target = next((part["target"] for part in parts if part["target"]), "")
            return {"text": " or ".join(part["text"] for part in parts), "target": target}
    if "$ref" in of:
        name = of["$ref"].rpartition("/")[2]
        return {"text": name, "target": name}
    if of.get("type") == "array":
        inner = _type(of["items"])
        return {"text": f"list of {inner['text']}", "target": inner["target"]}
    kind = of.get("type", "any")
    words = " or ".join(kind) if isinstance(kind, list) else kind
    return {"text": f"{words} ({of['format']})" if "format" in of else words, "target": ""}


def _prose(text: str) -> list[SafeString]:
    """Paragraphs with what stands between backquotes as code."""
    return [_marked(paragraph) for paragraph in text.split("\n\n") if paragraph]


def _marked(paragraph: str) -> SafeString:
    parts = paragraph.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if at % 2 else part,) for at, part in enumerate(parts))
    )
