"""Terms of several blocks that are taken together: pure arithmetic, and never dearer than the same blocks alone.

The volume schedule looks at the GPU-hours of all the blocks of one seller: what another seller sells earns nothing with
this one. A ramp is one contract, so its tenor is the contract's length; every other block has its own. Discounts
are summed over the blocks of a seller before they are rounded down, and a pool keeps to its floor as a whole. So taken
together they cost no more than in any cut into blocks, by days or by GPUs, to the cent: the list prices of the cut sum
to the whole's (scarcity.py), no piece has a higher rate, the floor of a sum is not below the sum of floors, and a floor
cost is rounded up once a pool instead of once a piece.
"""

from dataclasses import replace

import numpy as np

from pricing.curve.terms import KINDS, PARTS_A_CENT, WHOLE, Applied, Blocks, Ints, Terms, rated


def apply_together(of: Terms, blocks: Blocks, *, pools: Ints, floor_parts: Ints) -> Applied:
    """The discounts of each block of one seller, shape (blocks,); they sum to those of the whole.

    blocks.days is the length that earns the tenor, blocks.floor is not read. pools: which pool each block is in;
    floor_parts: millionths of a dollar per GPU-hour, both (blocks,).
    """
    hours = np.broadcast_to(blocks.gpu_hours, blocks.listed.shape)
    at = rated(of, replace(blocks, gpu_hours=np.full_like(blocks.listed, hours.sum())))
    off = _rounded_once(at)
    sums = off.sum(axis=0)
    given_back = np.zeros_like(blocks.listed)
    if of.keeps_floor:
        for pool in np.unique(pools):
            here = pools == pool
            floor = -(-int((floor_parts[here] * hours[here]).sum()) // PARTS_A_CENT)
            below = max(0, floor - int((blocks.listed - sums)[here].sum()))
            given_back[here] = _spread(below, sums[here] if sums[here].any() else blocks.listed[here])
    return Applied(blocks.listed, dict(zip(KINDS, off, strict=True)), given_back)


def _rounded_once(at: Ints) -> Ints:
    """Cents off, (kinds, blocks): each block's lines rounded down, and a cent more on its last line wherever the sum
    over the blocks up to it has come to one. So all lines sum to the whole's discount, rounded down once."""
    lines = np.diff(np.cumsum(at, axis=0) // WHOLE, axis=0, prepend=0)
    due = np.diff(np.cumsum(at.sum(axis=0)) // WHOLE, prepend=0)
    last = len(at) - 1 - np.argmax(at[::-1] > 0, axis=0)
    lines[last, np.arange(at.shape[1])] += due - lines.sum(axis=0)
    return lines


def _spread(cents: int, weights: Ints) -> Ints:
    """That many cents by weight, whole and summing to it."""
    until = np.cumsum(weights)
    if not until[-1]:
        until = np.arange(1, len(weights) + 1)
    found: Ints = np.diff(cents * until // until[-1], prepend=0)
    return found
