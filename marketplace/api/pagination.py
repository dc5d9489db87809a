"""Lists by cursor: `limit` objects after the one named `after`, in a stable order."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from marketplace.api.problems import Invalid, error
from marketplace.api.strict import Strict, Text

M = TypeVar("M", bound=Model)
MOST_ROWS = 100
USUAL_ROWS = 25


class PageParams(Strict):
    """The parameters of every list."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MOST_ROWS, default=USUAL_ROWS, help_text="Objects a page, 1 to 100"
    )
    after = Text(required=False, help_text="The id of the last object of the page before")


class ListShape(serializers.Serializer[Any]):
    """What every list has around its `data`."""

    object = serializers.CharField(default="list")
    has_more = serializers.BooleanField()
    next = serializers.URLField(allow_null=True, help_text="The address of the next page")


def listed(rows: list[Any], *, next_page: str | None = None, **more: Any) -> dict[str, Any]:
    return {"object": "list", **more, "data": rows, "has_more": next_page is not None, "next": next_page}


def cursor_page(
    request: Request,
    *,
    among: QuerySet[M],
    chosen: QuerySet[M],
    params: dict[str, Any],
    render: Callable[[M], Any],
    order: str = "-pk",
    handle: str = "public_id",
) -> dict[str, Any]:
    """One page of `chosen`. The cursor may be any object of `among`: it need not match the filters any more."""
    limit, after = params["limit"], params.get("after")
    if after is not None:
        last = among.filter(**{handle: after}).values_list("pk", flat=True).first()
        if last is None:
            raise Invalid([error("/after", "unknown", "There is no such object in this list.")])
        chosen = chosen.filter(**{"pk__lt" if order == "-pk" else "pk__gt": last})
    found = list(chosen.order_by(order)[: limit + 1])
    next_page = _address(request, after=str(getattr(found[limit - 1], handle))) if len(found) > limit else None
    return listed([render(row) for row in found[:limit]], next_page=next_page)


def _address(request: Request, *, after: str) -> str:
    query = request.GET.copy()
    query["after"] = after
    return f"{settings.BASE_URL}{request.path}?{query.urlencode()}"
