"""What a plan costs, and whom it touches. Pure; whole cents, so that the sums are the same on every machine."""

from dataclasses import dataclass

import numpy as np

from reservations.allocation.case import Case, Ints, Weights

SIZES = (64, 512, 4096)  # GPUs: up to here a reservation counts as small, medium, large; beyond as the largest


@dataclass(frozen=True)
class Reckoning:
    """harm = owed_cents + moved weight x moved_buyers + class weights x short_gpu_days, all in cents.

    short_gpu_days: by class. touched: reservations that do not stay as contracted, [class][size band], see SIZES.
    """

    harm: int
    owed_cents: int
    moved_buyers: int
    short_gpu_days: tuple[int, int, int]
    touched: tuple[tuple[int, ...], ...]


def reckon(case: Case, chosen: Ints, weights: Weights) -> Reckoning:
    """`chosen` (n,): one option per reservation."""
    moved = len(np.unique(case.buyer[case.moves[chosen]]))
    short = [int(case.short_gpu_days[chosen][case.firmness == firmness].sum()) for firmness in range(3)]
    return Reckoning(
        harm=int(case.cents(weights)[chosen].sum()) + weights.moved_cents * moved,
        owed_cents=int(np.rint(case.harm_usd[chosen] * 100).astype(np.int64).sum()),
        moved_buyers=moved,
        short_gpu_days=(short[0], short[1], short[2]),
        touched=_touched(case, chosen),
    )


def _touched(case: Case, chosen: Ints) -> tuple[tuple[int, ...], ...]:
    touched = chosen != case.now_option
    band = np.searchsorted(SIZES, case.size)
    cell = case.firmness * (len(SIZES) + 1) + band
    counts = np.bincount(cell[touched], minlength=3 * (len(SIZES) + 1)).reshape(3, -1)
    return tuple(tuple(row) for row in counts.tolist())
