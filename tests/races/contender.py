"""A process with Django loaded and a connection of its own; the fork server of `racing` imports this once."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    django.setup()


def contend(
    database: str, barrier: Any, outcomes: Any, number: int, work: Callable[..., Any], arguments: Sequence[Any]
) -> None:
    """Connects, waits for the others, works, and tells what came of it: (number, value, name of what was raised)."""
    from django.db import connection

    connection.settings_dict["NAME"] = database
    connection.ensure_connection()
    barrier.wait(60)
    try:
        outcomes.put((number, work(*arguments), None))
    except Exception as error:
        outcomes.put((number, None, type(error).__name__))
    connection.close()
