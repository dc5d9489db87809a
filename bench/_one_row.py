"""The floor of any change: one row, validated and inserted, through the stack that the product's own changes take."""

from datetime import datetime
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models
from django.urls import include, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from marketplace.api.idempotency import answer_once
from marketplace.api.strict import Strict, Text, read
from marketplace.api.views import Door
from marketplace.units import clock

ADDRESS = "/api/v1/bench-rows"
SETTINGS = "bench._settings"
BODY: dict[str, Any] = {"name": "a row", "quantity": 8}


class Row(models.Model):
    """A name and a number of an organisation's, with the time."""

    organisation_id = models.BigIntegerField()
    name = models.CharField(max_length=120)
    quantity = models.IntegerField(validators=[MinValueValidator(1), MaxValueValidator(1_000_000)])
    created_at = models.DateTimeField()

    class Meta:
        app_label = "marketplace"
        db_table = "bench_row"
        managed = False

    def __str__(self) -> str:
        return self.name


class RowShape(Strict):
    name = Text(max_length=120)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)


class Rows(Door):
    scopes: ClassVar[dict[str, str]] = {"POST": "commit"}

    def post(self, request: Request) -> Response:
        body = read(RowShape, request.data)
        return answer_once(
            request,
            organisation_id=self.organisation_id,
            action=lambda: insert_row(organisation_id=self.organisation_id, now=clock.now(), **body),
            render=lambda row: (201, {"id": row.pk, **RowShape(row).data}),
        )


def make_table() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Row)


def insert_row(*, organisation_id: int, name: str, quantity: int, now: datetime) -> Row:
    row = Row(organisation_id=organisation_id, name=name, quantity=quantity, created_at=now)
    row.full_clean()
    row.save(force_insert=True)
    return row


# The product's addresses with this one beside them (`_settings.py`).
urlpatterns: list[Any] = [path(ADDRESS.removeprefix("/"), Rows.as_view()), path("", include("marketplace.urls"))]
