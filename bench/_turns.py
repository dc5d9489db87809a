"""Workers in processes of their own, each on a database of its own, that take turns: what else the machine does falls
on all of them alike."""

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from django.db import connection

PATIENCE = 300.0


@dataclass(frozen=True)
class Worker:
    """`work(round, argument)` in the database of that name."""

    database: str
    work: Callable[[int, Any], Any]
    argument: Any


class WorkerFailed(Exception):
    """What a worker said as it failed."""


def in_turns(workers: Sequence[Worker], rounds: int) -> list[list[Any]]:
    """What each worker returned in each round."""
    connection.close()  # a connection cannot be shared with a forked process
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe() for _ in workers]
    processes = [
        context.Process(target=_serve, args=(worker, theirs), daemon=True)
        for worker, (_, theirs) in zip(workers, pipes, strict=True)
    ]
    for process in processes:
        process.start()
    found: list[list[Any]] = [[] for _ in workers]
    for number in range(rounds):
        for which, (ours, _) in enumerate(pipes):
            ours.send(number)
            found[which].append(_answer(ours))
    for ours, _ in pipes:
        ours.send(None)
    for process in processes:
        process.join()
    return found


def _answer(pipe: Connection) -> Any:
    if not pipe.poll(PATIENCE):
        raise WorkerFailed(f"said nothing for {PATIENCE:.0f} s")
    failure, answer = pipe.recv()
    if failure:
        raise WorkerFailed(failure)
    return answer


def _serve(worker: Worker, pipe: Connection) -> None:
    connection.settings_dict["NAME"] = worker.database
    while (number := pipe.recv()) is not None:
        try:
            pipe.send(("", worker.work(number, worker.argument)))
        except Exception as failure:
            pipe.send((f"{type(failure).__name__}: {failure}", None))
    connection.close()
