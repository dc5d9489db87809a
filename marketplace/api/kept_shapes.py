"""A row as its shape shows it, by a shape that the thread keeps: to copy and bind a serializer's fields for every
answer takes longer than to read them all."""

import threading
from collections.abc import Mapping
from typing import Any

from rest_framework.serializers import Serializer


class _Shapes(threading.local):
    """Two threads must not show two rows by one serializer."""

    def __init__(self) -> None:
        self.by_class: dict[type[Serializer], Any] = {}


_kept = _Shapes()


def shown_as(shape: type[Serializer], row: Any, context: Mapping[str, Any]) -> Any:
    """`shape(row, context=context).data`."""
    kept = _kept.by_class.get(shape)
    if kept is None:
        kept = _kept.by_class[shape] = shape()
    kept._context = dict(context)
    try:
        return kept.to_representation(row)
    finally:
        kept._context = {}
