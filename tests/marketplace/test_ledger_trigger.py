"""A path that does not go through the ledger fails in the database, whatever it writes."""

import pytest
from django.db import IntegrityError, connection, transaction

from tests.capacity import DAYS, FIRST, a_pool, block, commit, limit, total

pytestmark = pytest.mark.django_db
COLUMNS = ["firm_held", "firm_committed", "standard_held", "standard_committed", "standby_held", "standby_committed"]


def update(pool_id: int, assignment: str) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE marketplace_capacityday SET {assignment} WHERE pool_id = %s", [pool_id])
        return cursor.rowcount


@pytest.mark.parametrize("column", COLUMNS)
def test_no_update_lifts_a_class_over_its_limit(column: str) -> None:
    most = {"firm": 80, "standard": 120, "standby": 160}[column.split("_")[0]]
    pool = a_pool(80, 120, 160)
    assert update(pool.pk, f"{column} = {most}") == DAYS
    with pytest.raises(IntegrityError, match="above its limit"):
        update(pool.pk, f"{column} = {column} + 1")
    assert total(pool.pk, column) == most


@pytest.mark.parametrize("column", COLUMNS)
def test_a_firmer_class_may_not_lift_the_sums_around_it(column: str) -> None:
    pool = a_pool(40, 40, 40)
    update(pool.pk, "firm_held = 16, standard_held = 8, standby_committed = 16")
    with pytest.raises(IntegrityError, match="above its limit"):
        update(pool.pk, f"{column} = {column} + 1")
    assert total(pool.pk, column) in (0, 8, 16)


@pytest.mark.parametrize("column", COLUMNS)
def test_no_row_is_born_over_its_limit(column: str) -> None:
    pool = a_pool(8, 8, 8)
    values = ", ".join("9" if each == column else "0" for each in COLUMNS)
    with pytest.raises(IntegrityError, match="above its limit"), transaction.atomic():
        connection.cursor().execute(
            f"INSERT INTO marketplace_capacityday (pool_id, day, limit_firm, limit_standard, limit_standby, "
            f"{', '.join(COLUMNS)}) VALUES (%s, %s, 8, 8, 8, {values})",
            [pool.pk, FIRST.replace(year=2040)],
        )


@pytest.mark.parametrize("column", COLUMNS)
def test_no_total_is_negative(column: str) -> None:
    with pytest.raises(IntegrityError, match="nothing_negative"):
        update(a_pool().pk, f"{column} = -1")


def test_raising_a_total_and_its_limit_together_is_allowed_because_the_sum_fits() -> None:
    pool = a_pool(8, 8, 8)
    assert update(pool.pk, "firm_held = 16, limit_firm = 16, limit_standard = 16, limit_standby = 16") == DAYS


def test_in_a_shortfall_a_total_may_fall_and_may_not_rise() -> None:
    pool = a_pool(80, 80, 80)
    commit("rsv_bank", block(pool, 80, days=DAYS))
    limit(pool, 8, 8, 8)
    update(pool.pk, "firm_committed = firm_committed - 8")
    with pytest.raises(IntegrityError, match="above its limit"):
        update(pool.pk, "firm_committed = firm_committed + 1")
    assert total(pool.pk, "firm_committed") == 72


def test_held_becomes_committed_on_any_path_because_no_sum_rises() -> None:
    pool = a_pool(80, 80, 80)
    update(pool.pk, "firm_held = 80")
    limit(pool, 0, 0, 0)
    assert update(pool.pk, "firm_held = 0, firm_committed = 80") == DAYS
