"""Statements that the database plans once for a connection: for the few whose plan costs more than their rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg import Cursor


def fetch_one(sql: str, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """The statement's one row, in the transaction of the default connection."""
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        row = cursor.execute(sql, parameters, prepare=True).fetchone()
    assert row is not None, "a statement without FROM, or of aggregates, has a row"
    return row


class PlannedCursor(ServerBindingCursor, Cursor):
    """Keeps the statement, so that Django's log of queries has it, as it has those of other cursors."""

    def _convert_query(self, *args: Any) -> Any:
        self._query = super()._convert_query(*args)
        return self._query


@contextmanager
def planned_once() -> Iterator[None]:
    """Within the block, or the function that it decorates, every statement is sent apart from its values, and planned
    at its first use on the connection: for the changes that happen all day.

    Only there: apart from its values a statement must say the type of a parameter that PostgreSQL cannot tell
    (`%s::date`), and a plan that does not know the values may be the worse one.
    """
    connection.ensure_connection()
    raw = connection.connection
    before = raw.cursor_factory, raw.prepare_threshold
    raw.cursor_factory, raw.prepare_threshold = PlannedCursor, 0
    try:
        yield
    finally:
        raw.cursor_factory, raw.prepare_threshold = before
