"""What is asked for, as arrays: the one shape in which demand reaches the kernel, forecast or real."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Requests:
    """n requests; request i takes one option first[i] <= k < first[i + 1], all its GPUs for all its days, or none.

    gpus, days (n,): quantity and length. worth (n,): USD per GPU-hour, the floor included. weight (n,): how many such
    requests are expected (1 for a real one). first (n + 1,). pool, start (options,): row and first day of the option.
    """

    gpus: Ints
    days: Ints
    worth: Floats
    weight: Floats
    first: Ints
    pool: Ints
    start: Ints

    def __len__(self) -> int:
        return len(self.gpus)


def pooled(futures: Sequence[Requests]) -> Requests:
    """Several futures as one, each as likely: all of their requests, at their share of the weight."""
    sizes = [int(each.first[-1]) for each in futures]
    begins = np.cumsum([0, *sizes[:-1]])
    first = np.concatenate([[0], *(each.first[1:] + begin for each, begin in zip(futures, begins, strict=True))])

    def every(name: str) -> NDArray:
        return np.concatenate([getattr(each, name) for each in futures])

    return Requests(
        gpus=every("gpus"),
        days=every("days"),
        worth=every("worth"),
        weight=every("weight") / len(futures),
        first=first.astype(np.int64),
        pool=every("pool"),
        start=every("start"),
    )
