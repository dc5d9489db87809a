"""Who bears what somebody must bear, when the rules leave it open: a draw that anybody can repeat. Pure."""

from hashlib import blake2b

import numpy as np

from reservations.allocation.case import Ints

BITS = 31  # tickets of 10,000 reservations add up far below 2 ** 63


def tickets(seed: int, keys: Ints) -> Ints:
    """(n,): one ticket each, the hash of the reservation's key under the recorded seed (BLAKE2b, RFC 7693).

    Of plans of equal harm the one is taken whose touched reservations hold the lowest tickets in sum; at an equal
    price the lower ticket goes first.
    """
    secret = seed.to_bytes(8, "big", signed=True)
    drawn = [blake2b(key.to_bytes(8, "big", signed=True), key=secret, digest_size=4).digest() for key in keys.tolist()]
    return np.array([int.from_bytes(each, "big") >> (32 - BITS) for each in drawn], dtype=np.int64)
