"""A database of the benchmark's own on the same server, with the product's tables; gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection


@contextmanager
def scratch_database(name: str, *, copy_of: str | None = None) -> Iterator[None]:
    """The default connection leads to a new database called `name`; the role must be allowed to create it.

    It is migrated and empty, or a copy of another one to which nobody is connected.
    """
    home = connection.settings_dict["NAME"]
    if copy_of == home:
        _move_to("postgres")
    template = f' TEMPLATE "{copy_of}"' if copy_of else ""
    _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"{template}')
    _move_to(name)
    try:
        if copy_of is None:
            call_command("migrate", verbosity=0, skip_checks=True)
        yield
    finally:
        _move_to(home)
        # Without FORCE, which would need the right to end a vacuum that the server has begun there.
        _execute(f'DROP DATABASE IF EXISTS "{name}"')


def _move_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
