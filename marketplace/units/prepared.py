"""A statement that the database plans once for a connection: for the few whose plan costs more than their rows."""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from psycopg import Cursor


def fetch_one(sql: str, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """The statement's one row, in the transaction of the default connection."""
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        row = cursor.execute(sql, parameters, prepare=True).fetchone()
    assert row is not None, "a statement without FROM, or of aggregates, has a row"
    return row
