"""Contenders in processes of their own, with connections of their own, who start together.

They are forked from a small server process that has Django loaded and no connection open, so that 32 of them start in
a moment.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection

from tests.races.contender import contend

PATIENCE = 60.0  # seconds until a race that hangs has failed


@dataclass(frozen=True)
class Outcome:
    """What a contender's work returned, or the name of what it raised."""

    value: Any
    error: str | None


@cache
def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.races.buyers"])
    return context


def race(work: Callable[..., Any], contenders: Sequence[Sequence[Any]]) -> list[Outcome]:
    """Runs `work(*arguments)` for each contender's arguments, all at once; what came of each, in their order."""
    context = _context()
    barrier, outcomes = context.Barrier(len(contenders)), context.Queue()
    database = str(connection.settings_dict["NAME"])
    processes = [
        context.Process(target=contend, args=(database, barrier, outcomes, number, work, arguments), daemon=True)
        for number, arguments in enumerate(contenders)
    ]
    for process in processes:
        process.start()
    found = {
        number: Outcome(value, error) for number, value, error in (outcomes.get(timeout=PATIENCE) for _ in processes)
    }
    for process in processes:
        process.join(PATIENCE)
    return [found[number] for number in range(len(processes))]
