"""Clients in processes of their own, doing one of two things in turns, all the same one at a time."""

import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from statistics import median

from django.db import connection

Work = Callable[[random.Random, int], None]
PATIENCE = 120.0


def ratio(ours: Work, proxy: Work, *, clients: int, rounds: int, seconds: float) -> float:
    """How many times in a second the clients do `ours`, over how many times they do `proxy`: the median of the rounds.

    The two take turns within a round, so that whatever else the machine does falls on both.
    """
    connection.close()  # a connection cannot be shared with a forked process
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(clients), context.Queue()
    turns = [proxy, ours] * rounds
    processes = [
        context.Process(target=_client, args=(seed, turns, seconds, barrier, results), daemon=True)
        for seed in range(clients)
    ]
    for process in processes:
        process.start()
    rates = [sum(turn) for turn in zip(*(results.get(timeout=PATIENCE) for _ in processes), strict=True)]
    for process in processes:
        process.join()
    return median(mine / floor for floor, mine in zip(rates[::2], rates[1::2], strict=True))


def _client(seed: int, turns: Sequence[Work], seconds: float, barrier: Barrier, results: "Queue[list[float]]") -> None:
    rng = random.Random(seed)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")
    rates = []
    for work in turns:
        barrier.wait(PATIENCE)
        rates.append(_rate(work, rng, seconds))
    results.put(rates)


def _rate(work: Work, rng: random.Random, seconds: float) -> float:
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        work(rng, done)
        done += 1
    return done / elapsed
