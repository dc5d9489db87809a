"""How far a solve trusts its forecast, by lead time: pure arithmetic, constants of docs/decisions/0007.

Far ahead, demand may still surprise: part of the supply is kept back, and duals weigh more than they came out. At
delivery nothing is left to surprise, and some of what was forecast will not fit between what is sold: a solve may
count on a little more than there is. In between, an exponential of the lead time.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Leads = NDArray[np.int64] | NDArray[np.float64]

NEAR_DAYS = 40.0  # e-fold of the way from near to far
KEPT_FAR, KEPT_NEAR = 0.05, -0.05  # parts of the supply
WEIGHT_FAR, WEIGHT_NEAR = 1.15, 1.0  # what a dual is multiplied with


def nearness(lead: Leads) -> Floats:
    """1 for delivery today or before, falling to 0 far ahead; `lead` in days, any shape."""
    found: Floats = np.exp(-np.maximum(lead, 0.0) / NEAR_DAYS)
    return found


def kept_back(lead: Leads) -> Floats:
    """The part of the supply that a solve leaves out."""
    return KEPT_FAR + (KEPT_NEAR - KEPT_FAR) * nearness(lead)


def weight(lead: Leads) -> Floats:
    """What a day's dual is multiplied with before it is posted."""
    return WEIGHT_FAR + (WEIGHT_NEAR - WEIGHT_FAR) * nearness(lead)
