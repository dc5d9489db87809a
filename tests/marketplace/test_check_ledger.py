"""`manage.py check_ledger`: totals against entries, on a live database."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from marketplace.capacity.queries import Difference, differences
from tests.capacity import DAYS, FIRST, a_pool, block, commit, hold, limit

pytestmark = pytest.mark.django_db


def corrupt(pool_id: int, assignment: str, *offsets: int) -> None:
    days = [FIRST + timedelta(days=offset) for offset in offsets]
    connection.cursor().execute(
        f"UPDATE marketplace_capacityday SET {assignment} WHERE pool_id = %s AND day = ANY(%s)", [pool_id, days]
    )


def check() -> tuple[int, str]:
    said = io.StringIO()
    try:
        call_command("check_ledger", stdout=said, stderr=said)
    except SystemExit as ended:
        return int(str(ended.code)), said.getvalue()
    return 0, said.getvalue()


def test_a_ledger_that_only_its_functions_wrote_is_clean() -> None:
    pool = a_pool()
    hold("qte_bank", block(pool, 8, start=5, days=10), block(pool, 16, start=8, days=10))
    commit("rsv_rival", block(pool, 8, days=DAYS), firmness="standby")
    limit(pool, 0, 0, 0)
    assert check() == (0, "The ledger's totals equal its entries.\n")


def test_every_difference_is_told_and_the_exit_is_1() -> None:
    pool, other = a_pool(), a_pool()
    commit("rsv_bank", block(pool, 8, days=10))
    hold("qte_rival", block(other, 16, start=3, days=2), firmness="standby")
    corrupt(pool.pk, "firm_committed = 0", 0, 9)
    corrupt(other.pk, "standby_held = standby_held + 1, standard_committed = 3", 4)
    day = FIRST + timedelta(days=4)
    assert differences() == [
        Difference(pool.pk, FIRST, "firm", 0, 0, 0, 8),
        Difference(pool.pk, FIRST + timedelta(days=9), "firm", 0, 0, 0, 8),
        Difference(other.pk, day, "standard", 0, 0, 3, 0),
        Difference(other.pk, day, "standby", 17, 16, 0, 0),
    ]
    code, said = check()
    assert (code, said.count("\n")) == (1, 5)
    assert f"{day} standby: held 17, entries say 16; committed 0, entries say 0" in said
    assert "4 differences" in said


def test_totals_without_entries_and_entries_without_rows_are_differences() -> None:
    pool = a_pool()
    corrupt(pool.pk, "standard_held = 5", 20)
    commit("rsv_bank", block(pool, 8, start=30, days=2))
    connection.cursor().execute(
        "DELETE FROM marketplace_capacityday WHERE pool_id = %s AND day = %s", [pool.pk, FIRST + timedelta(days=31)]
    )
    assert differences() == [
        Difference(pool.pk, FIRST + timedelta(days=20), "standard", 5, 0, 0, 0),
        Difference(pool.pk, FIRST + timedelta(days=31), "firm", 0, 0, 0, 8),
    ]


def test_each_day_that_lost_its_row_inside_a_block_is_a_difference_of_its_own() -> None:
    pool = a_pool()
    commit("rsv_bank", block(pool, 8, start=0, days=10))
    connection.cursor().execute(
        "DELETE FROM marketplace_capacityday WHERE pool_id = %s AND day BETWEEN %s AND %s",
        [pool.pk, FIRST + timedelta(days=3), FIRST + timedelta(days=5)],
    )
    assert [difference.day for difference in differences()] == [FIRST + timedelta(days=offset) for offset in (3, 4, 5)]
