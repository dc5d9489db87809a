"""Many purchases after the rest of a budget; each race beside a twin that takes the lock away and shows the damage."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import IntegrityError, connection

from marketplace.change import change
from marketplace.parties import budgets
from marketplace.parties.spending import BudgetClaim, CostCentre
from tests.budgets import NOW, a_cost_centre, reserve, spend, taken, unequal
from tests.races import buyers
from tests.races.gate import GATE, THROUGH_THE_GATE, at_the_gate, replaced, variant
from tests.races.racing import race

pytestmark = pytest.mark.django_db(transaction=True)


def spent(centre: CostCentre) -> int:
    """What is spent of all its budgets, from the claims' entries alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT COALESCE(sum(e.spent), 0) FROM marketplace_budgetentry e
            JOIN marketplace_budgetclaim c ON c.id = e.claim_id WHERE c.cost_centre_id = %s
            """,
            [centre.pk],
        )
        return int(cursor.fetchone()[0])


def test_sixteen_who_go_on_until_they_are_refused_leave_less_than_a_purchase() -> None:
    centre = a_cost_centre(500, 500)
    outcomes = race(buyers.spend, [(centre.pk, 20 + 2 * number, f"rsv_{number}", 100) for number in range(16)])
    assert {each.error for each in outcomes} == {None}
    bought = sum((20 + 2 * number) * each.value for number, each in enumerate(outcomes))
    assert spent(centre) == bought
    assert 1000 - 20 < bought <= 1000
    assert taken(centre) == [(0, bought // 2), (0, bought // 2)]
    assert unequal() == []


def gated(text: str) -> str:
    """budget_take with the gate between what it finds and what it does about it."""
    return replaced(text, "    IF NOT fits THEN", f"    {THROUGH_THE_GATE}\n    IF NOT fits THEN")


def gated_without_lock(text: str) -> str:
    return replaced(gated(text), "WHERE id = p_cost_centre FOR NO KEY UPDATE;", "WHERE id = p_cost_centre;")


@contextmanager
def without_the_trigger() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE marketplace_budget DISABLE TRIGGER no_budget_is_overdrawn")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE marketplace_budget ENABLE TRIGGER no_budget_is_overdrawn")


def buy(centre: CostCentre, holder: str) -> str:
    change.run(lambda: spend(centre, holder, 1000))
    return holder


def both(centre: CostCentre) -> list[object]:
    return at_the_gate(partial(buy, centre, "rsv_1"), partial(buy, centre, "rsv_2"))


def test_of_two_purchases_that_meet_at_the_rest_of_a_budget_one_is_refused() -> None:
    centre = a_cost_centre(500, 500)
    with variant("budget_take", gated), without_the_trigger():
        first, second = both(centre)
    assert first == "rsv_1"
    assert isinstance(second, budgets.OverBudget)
    assert spent(centre) == 1000


def test_twin_without_the_lock_the_budget_is_spent_twice() -> None:
    centre = a_cost_centre(500, 500)
    with variant("budget_take", gated_without_lock), without_the_trigger():
        assert both(centre) == ["rsv_1", "rsv_2"]
    assert spent(centre) == 2000


def test_without_the_lock_the_trigger_alone_still_refuses_the_second_purchase() -> None:
    centre = a_cost_centre(500, 500)
    with variant("budget_take", gated_without_lock):
        outcomes = both(centre)
    assert {type(each) for each in outcomes} == {str, IntegrityError}
    assert spent(centre) == 1000


def gated_move(text: str) -> str:
    """budget_move, stopped after it knows that the claim is still in the status that it expects."""
    return replaced(text, "    WITH taken AS (", f"    {THROUGH_THE_GATE}\n    WITH taken AS (")


def read_then_write(text: str) -> str:
    """The wrong way: looks whether the claim is reserved and what it has taken, and writes it down later.

    The gate stands inside the statement, whose snapshot is older than the wait: both see what nobody has given back.
    """
    update = (
        "UPDATE marketplace_budgetclaim SET status = p_to, changed_at = p_now WHERE id = p_claim AND status = p_from;"
    )
    looked = "PERFORM 1 FROM marketplace_budgetclaim WHERE id = p_claim AND status = p_from;"
    text = replaced(replaced(text, update, looked), "FOR NO KEY UPDATE;", ";")
    gate = f"WITH gate AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({GATE})), taken AS ("
    return replaced(
        replaced(text, "WITH taken AS (", gate), "FROM marketplace_budgetentry", "FROM gate, marketplace_budgetentry"
    )


def release(claim_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT budget_move(%s, 'reserved', 'released', %s)", [claim_id, NOW])
        return bool(cursor.fetchone()[0])


def released_twice(changed: object) -> list[object]:
    centre = a_cost_centre(500, 500)
    for holder in ("rsv_1", "rsv_2"):
        reserve(centre, holder, 400)
    claim = BudgetClaim.objects.get(holder="rsv_1").pk
    with variant("budget_move", changed):  # type: ignore[arg-type]
        return [*at_the_gate(partial(release, claim), partial(release, claim)), taken(centre)]


def test_of_two_releases_of_one_claim_one_gives_it_back() -> None:
    assert released_twice(gated_move) == [True, False, [(200, 0), (200, 0)]]


def test_twin_where_the_status_is_read_first_it_is_given_back_twice() -> None:
    assert released_twice(read_then_write) == [True, True, [(0, 0), (0, 0)]]
