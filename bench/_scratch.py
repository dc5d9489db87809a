"""A database of the benchmark's own on the same server, with the product's tables; gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection


@contextmanager
def scratch_database(name: str) -> Iterator[None]:
    """The default connection leads to a new, migrated database called `name`; the role must be allowed to create it."""
    home = connection.settings_dict["NAME"]
    _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
    _move_to(name)
    try:
        call_command("migrate", verbosity=0, skip_checks=True)
        yield
    finally:
        _move_to(home)
        _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _move_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
