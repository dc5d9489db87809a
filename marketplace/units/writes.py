"""Several writes in one statement: the database takes longer over a statement's journey than over most of the rows.

Each room says what it would write, as a `Write`; who makes the change sends them together. All of them see the rows as
they were before, and none the others' (they are WITH clauses): that is for the caller to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.expressions import DatabaseDefault
from psycopg import RawCursor

MODELS_KEPT = STATEMENTS_KEPT = 128  # there are a handful of each
M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True)
class Write:
    """An INSERT or UPDATE with a `%s` for each value; others of the statement may look at what it returns by name."""

    name: str
    sql: str
    values: Sequence[Any]


def run(*writes: Write) -> None:
    """All of them in one statement of the default connection's transaction."""
    with connection.wrap_database_errors, _cursor() as cursor:
        cursor.execute(*_together(writes), prepare=True)


def insert(row: models.Model, *beside: Write) -> None:
    """`row.save(force_insert=True)` of a row without an id, which it then has; and what else is written with it."""
    writes = (*beside, insertion(row))
    with connection.wrap_database_errors, _cursor() as cursor:
        found = cursor.execute(*_together(writes), prepare=True).fetchone()
    assert found is not None, "an INSERT returns the row's id"
    (row.pk,) = found
    for name in _left_to_the_database(row):
        del row.__dict__[name]  # read when it is asked for, like a deferred one
    row._state.adding, row._state.db = False, connection.alias


def insertion(row: models.Model, *, unless: str = "") -> Write:
    """The INSERT of a row without an id; `unless` names a write of the statement that makes it needless by returning
    something."""
    name, sql, fields = _insertion(type(row), unless, _left_to_the_database(row))
    database = connections[DEFAULT_DB_ALIAS]  # and not `connection`, which looks it up anew for every field
    return Write(name, sql, [field.get_db_prep_save(field.pre_save(row, add=True), database) for field in fields])


def _cursor() -> RawCursor[tuple[Any, ...]]:
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    return RawCursor(connection.connection)


def _left_to_the_database(row: models.Model) -> tuple[str, ...]:
    """Columns that have their default from the database, because nobody gave them a value."""
    return tuple(name for name, value in row.__dict__.items() if isinstance(value, DatabaseDefault))


@lru_cache(MODELS_KEPT)
def _insertion(
    model: type[models.Model], unless: str, left: tuple[str, ...]
) -> tuple[str, str, tuple[models.Field, ...]]:
    meta = model._meta
    key = meta.pk
    assert key is not None
    fields = tuple(
        field
        for field in meta.concrete_fields
        if field is not key and field.attname not in left and not field.generated
    )
    names = ", ".join(f'"{field.column}"' for field in fields)
    into = f'INSERT INTO "{meta.db_table}" ({names})'
    if unless:
        values = f"SELECT {', '.join(map(_typed, fields))} WHERE NOT EXISTS (SELECT FROM {unless})"
    else:
        values = f"VALUES ({', '.join(['%s'] * len(fields))})"
    # Not the table's own name, which would hide the table from the other writes.
    return f"new_{meta.db_table}", f'{into} {values} RETURNING "{key.column}"', fields


def _typed(field: models.Field) -> str:
    """A place of the field's type, without its length: to cast to that would cut a text that is too long."""
    kind, _, _ = (field.db_type(connection) or "").partition("(")
    return f"%s::{kind}"


def _together(writes: Sequence[Write]) -> tuple[bytes, list[Any]]:
    return _statement(tuple((each.name, each.sql) for each in writes)), [
        value for each in writes for value in each.values
    ]


@lru_cache(STATEMENTS_KEPT)
def _statement(parts: tuple[tuple[str, str], ...]) -> bytes:
    """The last is the statement, those before it are its WITH clauses; `%s` are numbered, which the driver need not
    then do each time."""
    *first, (_, last) = parts
    clauses = ", ".join(f"{name} AS ({sql})" for name, sql in first)
    head, *rest = (f"WITH {clauses} {last}" if clauses else last).split("%s")
    return (head + "".join(f"${number}{text}" for number, text in enumerate(rest, start=1))).encode()
