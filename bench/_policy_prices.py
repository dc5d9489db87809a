"""The simple policies that the benchmark compares ours with, each over a grid of settings to be tuned."""

from dataclasses import dataclass

import numpy as np

from bench._policy_instances import CAP, FLOOR
from marketplace.units.compute import HOURS_PER_DAY
from pricing.clearing.requests import Floats, Ints


@dataclass(frozen=True)
class Fixed:
    """One price for everything; first come first served is the one at the floor."""

    price: Floats  # (settings, 1) USD per GPU-hour

    def cost(self, cells: Ints, x: Floats, gpus: float) -> Floats:
        return np.broadcast_to(self.price * gpus * HOURS_PER_DAY, x.shape).copy()


@dataclass(frozen=True)
class Linear:
    """base + rise x / C, at most the cap."""

    base: Floats  # (settings, 1) USD per GPU-hour
    rise: Floats
    limit: Floats  # (cells,)

    def cost(self, cells: Ints, x: Floats, gpus: float) -> Floats:
        middle = self.base + self.rise * (x + gpus / 2) / self.limit[cells]
        return np.minimum(middle, CAP) * gpus * HOURS_PER_DAY


@dataclass(frozen=True)
class Exponential:
    """floor + top exp(steepness (x / C - 1)), at most the cap at a block's mean."""

    top: Floats  # (settings, 1) USD per GPU-hour
    steepness: Floats
    limit: Floats

    def cost(self, cells: Ints, x: Floats, gpus: float) -> Floats:
        limit = self.limit[cells]
        low = np.exp(self.steepness * (x / limit - 1))
        high = np.exp(self.steepness * ((x + gpus) / limit - 1))
        mean = FLOOR + self.top * (high - low) * limit / (self.steepness * gpus)
        return np.minimum(mean, CAP) * gpus * HOURS_PER_DAY


def grid(*axes: list[float]) -> list[Floats]:
    """Every combination of the axes, each axis as a column (settings, 1)."""
    return [column.reshape(-1, 1) for column in np.meshgrid(*[np.array(axis) for axis in axes], indexing="ij")]


FIXED = grid([1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5, 4.0])
LINEAR = grid([1.5, 2.0, 2.5, 3.0], [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
EXPONENTIAL = grid([0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0], [1.0, 2.0, 4.0, 8.0, 16.0])
