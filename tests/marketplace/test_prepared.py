"""What asks to be planned once is, and nothing else is kept on the connection."""

import pytest
from django.db import ProgrammingError, connection
from django.test.utils import CaptureQueriesContext

from marketplace.capacity import log
from marketplace.catalogue.models import Pool
from marketplace.units import clock
from marketplace.units.prepared import fetch_one, planned_once
from pricing.quotes.market import FINGERPRINT, fingerprint

pytestmark = pytest.mark.django_db(transaction=True)


def kept() -> dict[str, int]:
    """Statements prepared on this connection -> how often each was run without a plan of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, generic_plans FROM pg_prepared_statements")
        return dict(cursor.fetchall())


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> None:
    connection.close()


def test_a_statement_that_asks_for_it_is_planned_once() -> None:
    for number in range(8):
        assert fetch_one("SELECT 1 + %(number)s::int", {"number": number}) == (1 + number,)
    ((statement, without_plan),) = kept().items()
    assert statement == "SELECT 1 + $1::int"
    assert without_plan > 0


def test_the_other_statements_of_a_connection_are_not_prepared() -> None:
    for _ in range(8):
        list(Pool.objects.all())
    assert kept() == {}


def test_within_planned_once_the_models_own_statements_are_and_after_it_no_more() -> None:
    with planned_once():
        for _ in range(3):
            list(Pool.objects.filter(lot=8))
    list(Pool.objects.filter(lot=9))
    ((statement, without_plan),) = kept().items()
    assert '"lot" = $1' in statement
    assert without_plan == 3


def test_django_logs_what_was_planned_once() -> None:
    with CaptureQueriesContext(connection) as queries, planned_once():
        list(Pool.objects.filter(lot=8))
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]


def test_a_failure_within_it_ends_it_too() -> None:
    with pytest.raises(ProgrammingError), planned_once():
        Pool.objects.raw("SELECT nothing")[0]
    list(Pool.objects.filter(lot=9))
    assert kept() == {}


def test_the_statements_of_every_search_are_planned_once() -> None:
    for _ in range(8):
        log.look(None, clock.now(), beside=FINGERPRINT)
        fingerprint()
    assert len(kept()) == 2
    assert all(without_plan > 0 for without_plan in kept().values())
