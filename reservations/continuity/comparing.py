"""Two service specs field by field: what is equal, better or worse. Pure.

Which way is better is said once, in marketplace/catalogue/service.py. A field that the new spec does not name is worse:
nobody stands for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marketplace.catalogue.service import ALL, DIRECTIONS, LESS, MORE, SAME, ServiceWish

EQUAL, BETTER, WORSE = "equal", "better", "worse"
HOW = {MORE: "min", LESS: "max", SAME: "exactly", ALL: "all"}


@dataclass(frozen=True)
class Field:
    """One field of the service spec as it is had and as it would be."""

    name: str
    had: Any
    offered: Any
    verdict: str

    def as_json(self) -> dict[str, Any]:
        return {"field": self.name, "had": self.had, "offered": self.offered, "verdict": self.verdict}


def equal_or_better(had: Mapping[str, Any]) -> tuple[ServiceWish, ...]:
    """The wishes that a spec meets which is equal or better in every field that this one names."""
    return tuple(
        ServiceWish(field, HOW[way], tuple(had[field]) if way == ALL else had[field])
        for field, way in DIRECTIONS.items()
        if _is_comparable(had.get(field), way)
    )


def compare(had: Mapping[str, Any], offered: Mapping[str, Any]) -> list[Field]:
    """Every field that the first spec names and that can be compared."""
    return [
        Field(wish.field, had[wish.field], offered.get(wish.field), _verdict(wish, offered))
        for wish in equal_or_better(had)
    ]


def is_equal_or_better(fields: Sequence[Field]) -> bool:
    return all(field.verdict != WORSE for field in fields)


def _verdict(wish: ServiceWish, offered: Mapping[str, Any]) -> str:
    if not wish.met_by(offered):
        return WORSE
    has = offered[wish.field]
    same = set(has) == set(wish.value) if wish.how == "all" else has == wish.value
    return EQUAL if same else BETTER


def _is_comparable(value: Any, way: str) -> bool:
    if way == ALL:
        return isinstance(value, list) and all(isinstance(each, str) for each in value) and bool(value)
    if way == SAME:
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool)
