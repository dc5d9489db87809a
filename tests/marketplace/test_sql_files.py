"""The functions and triggers of the .sql files are those of the live database: neither has drifted from the other."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection, transaction

pytestmark = pytest.mark.django_db
FUNCTIONS = "SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = %s::regnamespace"
TRIGGERS = """
    SELECT t.tgname || ' on ' || c.relname, pg_get_triggerdef(t.oid) || ', enabled: ' || t.tgenabled::text
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND c.relnamespace = %s::regnamespace
"""
STORAGE = (
    "SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = %s::regnamespace AND reloptions IS NOT NULL"
)


def rules(schema: str) -> dict[str, str]:
    """Every function, trigger and storage option of a schema, as the database itself would write it down."""
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        for kind in (FUNCTIONS, TRIGGERS, STORAGE):
            cursor.execute(kind, [schema])
            found |= {name: text.replace(f"{schema}.", "") for name, text in cursor.fetchall()}
    return found


@contextmanager
def as_the_files_say() -> Iterator[str]:
    """A schema with the tables' columns and everything that the .sql files put on them; gone afterwards."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA expected")
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'CREATE TABLE expected."{table}" (LIKE public."{table}")')
        cursor.execute("SET LOCAL search_path = expected")
        # In the order in which they are applied: ground floor first, and the versions of a room by number.
        for package in ("marketplace", "pricing", "reservations"):
            for path in sorted((settings.BASE_DIR / package).glob("*/sql/*.sql"), key=lambda path: path.name):
                cursor.execute(path.read_text())
        yield "expected"
        cursor.execute("SET LOCAL search_path = public")
        transaction.set_rollback(True)


def drifted() -> list[str]:
    with as_the_files_say() as schema:
        expected, live = rules(schema), rules("public")
    return sorted(name for name in expected.keys() | live.keys() if expected.get(name) != live.get(name))


def test_the_database_holds_what_the_files_say() -> None:
    assert drifted() == []


@pytest.mark.parametrize(
    ("drift", "name"),
    [
        ("ALTER TABLE marketplace_capacityday DISABLE TRIGGER nothing_is_sold_twice", "nothing_is_sold_twice on "),
        ("DROP TRIGGER append_only ON marketplace_entry", "append_only on marketplace_entry"),
        ("ALTER TABLE marketplace_capacityday RESET (fillfactor)", "marketplace_capacityday"),
        ("CREATE FUNCTION sell_anyway() RETURNS int LANGUAGE sql AS 'SELECT 1'", "sell_anyway"),
        (
            "CREATE OR REPLACE FUNCTION capacity_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "capacity_refuse",
        ),
    ],
)
def test_a_drift_is_named(drift: str, name: str) -> None:
    connection.cursor().execute(drift)
    (found,) = drifted()
    assert found.startswith(name)
