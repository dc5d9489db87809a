"""A shape that is kept shows each row as a new one would, with that answer's context and no other's."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rest_framework import serializers

from marketplace.api.kept_shapes import shown_as


class Shape(serializers.Serializer[Any]):
    name = serializers.CharField()
    by = serializers.SerializerMethodField()

    def get_by(self, row: dict[str, str]) -> str:
        return str(self.context["by"])


def shown(name: str) -> Any:
    return shown_as(Shape, {"name": name}, {"by": f"{name}'s"})


def test_each_answer_has_its_own_row_and_context() -> None:
    for name in ("bank", "rival", "bank"):
        assert (
            shown(name) == Shape({"name": name}, context={"by": f"{name}'s"}).data == {"name": name, "by": f"{name}'s"}
        )


def test_nothing_of_one_answer_is_left_for_the_next() -> None:
    shown("bank")
    with pytest.raises(KeyError):
        shown_as(Shape, {"name": "rival"}, {})


def test_threads_do_not_share_a_shape() -> None:
    names = [f"party {number}" for number in range(200)]
    with ThreadPoolExecutor(8) as threads:
        assert [each["by"] for each in threads.map(shown, names)] == [f"{name}'s" for name in names]
