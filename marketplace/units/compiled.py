"""Reads of the ORM whose SQL is made once for the process: Django takes longer to build a wide statement than the
database to run it. For the few that every purchase waits for; what they say is a queryset."""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from django.db import connection, models
from django.db.models.query import get_related_populators

from marketplace.units import clock

M = TypeVar("M", bound=models.Model)


class Given(models.Expression):
    """Stands in a queryset for a value that is known when it is asked, and is sent as it is."""

    def __init__(self, name: str, output_field: models.Field | None = None) -> None:
        super().__init__(output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]


def given(name: str) -> Any:
    """A `Given`, for arguments that say what it stands for."""
    return Given(name)


class Now(Given):
    """The time at which the statement was sent, the same wherever it stands in it; or the one a test has frozen."""

    def __init__(self) -> None:
        super().__init__("now", models.DateTimeField())

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "COALESCE(%s::timestamptz, statement_timestamp())", [self]


class Compiled(Generic[M]):
    """`build()` gives a queryset of whole rows, with select_related and annotations, and `Given` in its filters."""

    def __init__(self, build: Callable[[], models.QuerySet[M]]) -> None:
        self._build = build

    def first(self, **values: Any) -> M | None:
        """The first row, if there is one."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, self._parameters(values))
            rows = cursor.fetchmany(1)
        return self._read(rows[0]) if rows else None

    def get(self, **values: Any) -> M:
        """The row, which is there."""
        found = self.first(**values)
        if found is None:
            raise self._compiler.klass_info["model"].DoesNotExist(values)
        return found

    def first_at(self, **values: Any) -> tuple[M, datetime] | None:
        """The same with the time, read once the row is there: of a queryset that locks, after the lock.

        A subquery that locks is run as it stands, and what is selected beside it is worked out of each row that it
        returns, which it does not before it has the lock.
        """
        with connection.cursor() as cursor:
            cursor.execute(self._sql_at, self._parameters(values))
            rows = cursor.fetchmany(1)
        return (self._read(rows[0][:-1]), clock.seen(rows[0][-1])) if rows else None

    @cached_property
    def _compiler(self) -> Any:
        compiler = self._build().query.get_compiler(connection=connection)
        compiler.sql = compiler.as_sql()
        return compiler

    @property
    def _sql(self) -> str:
        return cast(str, self._compiler.sql[0])

    @cached_property
    def _sql_at(self) -> str:
        return f"SELECT locked.*, clock_timestamp() FROM ({self._sql}) AS locked"

    def _parameters(self, values: dict[str, Any]) -> list[Any]:
        values.setdefault("now", clock.frozen_at())
        return [values[each.name] if isinstance(each, Given) else each for each in self._compiler.sql[1]]

    @cached_property
    def _converters(self) -> dict[int, Any]:
        compiler = self._compiler
        return dict(compiler.get_converters([column[0] for column in compiler.select[: compiler.col_count]]))

    @cached_property
    def _populators(self) -> list[Any]:
        populators: Any = get_related_populators  # the stubs are those of a later Django
        return list(populators(self._compiler.klass_info, self._compiler.select, connection.alias))

    @cached_property
    def _own(self) -> tuple[int, int, list[str]]:
        """Where the model's own columns are in a row, and what they are called."""
        compiler = self._compiler
        fields = compiler.klass_info["select_fields"]
        start, end = fields[0], fields[-1] + 1
        return start, end, [column[0].target.attname for column in compiler.select[start:end]]

    def _read(self, row: tuple[Any, ...]) -> M:
        """As Django's own ModelIterable does it."""
        compiler = self._compiler
        (row,) = compiler.apply_converters([row], self._converters) if self._converters else (row,)
        start, end, names = self._own
        found = compiler.klass_info["model"].from_db(connection.alias, names, row[start:end])
        for populator in self._populators:
            populator.populate(row, found)
        for name, place in compiler.annotation_col_map.items():
            setattr(found, name, row[place])
        return cast(M, found)
