"""The ledger against a model of a few lines, on random histories."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.capacity import ledger
from marketplace.capacity.queries import differences, inventory
from marketplace.units.firmness import FIRMNESS, rank
from marketplace.units.period import Period
from tests.capacity import FIRST, NOW, a_pool, block, commit, hold, limit

DAYS = 6
Step = tuple[str, int, int, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["hold", "commit", "commit_hold", "release_hold", "release_commitment", "limit", "stop"]),
        st.integers(0, 2),  # class
        st.integers(0, DAYS - 1),  # start; or which of the claims
        st.integers(1, DAYS),  # days, which may reach past the last one
        st.integers(1, 12),  # quantity; or the new firm limit
    ),
    max_size=14,
)


class Model:
    """Claims as a list, limits as three numbers a day: everything else is worked out anew each time."""

    def __init__(self) -> None:
        self.limits = [(6, 9, 12)] * DAYS
        self.claims: dict[int, dict[str, Any]] = {}

    def use(self, firmness: int, day: int) -> int:
        live = [c for c in self.claims.values() if c["status"] != "released"]
        return sum(c["quantity"] for c in live if c["class"] <= firmness and c["start"] <= day < c["end"])

    def room(self, firmness: int, day: int) -> int:
        if day >= DAYS:
            return 0
        return min(self.limits[day][outer] - self.use(outer, day) for outer in range(firmness, 3))


@pytest.mark.django_db
@settings(max_examples=25)
@given(steps=steps)
def test_the_ledger_does_what_the_model_does(steps: list[Step]) -> None:
    with transaction.atomic():
        pool, model = a_pool(6, 9, 12, days=DAYS), Model()
        for verb, firmness, start, days, quantity in steps:
            if verb in ("hold", "commit"):
                claim(model, pool, hold if verb == "hold" else commit, firmness, start, days, quantity)
            elif verb == "limit":
                nested = (quantity, quantity + firmness, quantity + firmness + start)
                model.limits = [nested] * DAYS
                limit(pool, *nested, days=DAYS)
            elif verb == "stop":
                stop(model, pool)
            elif model.claims:
                move(model, verb, list(model.claims)[start % len(model.claims)])
            agrees(model, pool)
        assert differences() == []
        transaction.set_rollback(True)


def claim(
    model: Model, pool: Any, take: Callable[..., ledger.Claimed], firmness: int, start: int, days: int, quantity: int
) -> None:
    rooms = [model.room(firmness, day) for day in range(start, start + days)]
    line = block(pool, quantity, start, days)
    if quantity > min(rooms):
        with pytest.raises(ledger.InsufficientHeadroom) as refused, transaction.atomic():
            take("qte_bank", line, firmness=FIRMNESS[firmness])
        assert refused.value.least == (max(0, min(rooms)) if start + days <= DAYS else 0)
        return
    claimed = take("qte_bank", line, firmness=FIRMNESS[firmness])
    assert claimed.rooms[0].tolist() == rooms
    status = "held" if take is hold else "committed"
    model.claims[claimed.claim_id] = {
        "status": status,
        "class": firmness,
        "start": start,
        "end": start + days,
        "quantity": quantity,
    }


def stop(model: Model, pool: Any) -> None:
    before = model.limits
    model.limits = [
        (min(firm, model.use(0, day)), min(standard, model.use(1, day)), min(standby, model.use(2, day)))
        for day, (firm, standard, standby) in enumerate(before)
    ]
    cut = sum(now != then for now, then in zip(model.limits, before, strict=True))
    assert ledger.stop_selling(pool_id=pool.pk, first_day=FIRST) == cut


def move(model: Model, verb: str, claim_id: int) -> None:
    before = "committed" if verb == "release_commitment" else "held"
    after = "committed" if verb == "commit_hold" else "released"
    found = model.claims[claim_id]["status"]
    try:
        moved = getattr(ledger, verb)(claim_id=claim_id, now=NOW) is not False
    except ledger.HoldGone:
        moved = False
    assert moved == (found == before)
    if moved:
        model.claims[claim_id]["status"] = after


def agrees(model: Model, pool: Any) -> None:
    found = inventory(pool_ids=[pool.pk], period=Period.of(FIRST, DAYS), now=NOW)
    for firmness in FIRMNESS:
        nested = [model.use(rank(firmness), day) for day in range(DAYS)]
        assert found.nested[0, rank(firmness)].tolist() == nested
        assert found.room()[0, rank(firmness)].tolist() == [model.room(rank(firmness), day) for day in range(DAYS)]
