"""SQL that is made once says the same as the ORM's, which it came from."""

from datetime import timedelta

import pytest
from django.db import DataError, connection, models
from django.test.utils import CaptureQueriesContext

from marketplace.catalogue.models import Pool
from marketplace.outbox.models import Event
from marketplace.parties.models import Organisation
from marketplace.units import clock
from marketplace.units.compiled import Compiled, Now, given
from marketplace.units.writes import Write, insert, insertion, run
from tests.market import Market, open_market

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    return open_market()


@Compiled
def pool_by_name() -> models.QuerySet[Pool]:
    return Pool.objects.select_related("seller").annotate(at=Now()).filter(public_id=given("name")).order_by()


@Compiled
def locked_pool() -> models.QuerySet[Pool]:
    return Pool.objects.filter(pk=given("pk")).order_by().select_for_update(of=("self",))


def event(name: str) -> Event:
    return Event(name=name, subject="tests", organisation_id=None, data={"a": [1]}, created_at=clock.now())


def test_a_row_is_what_the_queryset_gives_with_all_that_it_names(market: Market) -> None:
    expected = Pool.objects.select_related("seller").get(pk=market.h100.pk)
    with CaptureQueriesContext(connection) as asked:
        found = pool_by_name.get(name=market.h100.public_id)
        told = (found.seller, found.site, found.accelerator)
    assert len(asked) == 1
    for row, same in zip((found, *told), (expected, expected.seller, expected.site, expected.accelerator), strict=True):
        names = [field.attname for field in row._meta.concrete_fields]
        assert type(row) is type(same)
        assert [getattr(row, name) for name in names] == [getattr(same, name) for name in names]


def test_another_value_is_another_row_and_an_unknown_one_none(market: Market) -> None:
    assert pool_by_name.get(name=market.gb200.public_id) == market.gb200
    assert pool_by_name.get(name=market.h100.public_id) == market.h100
    assert pool_by_name.first(name="pol_unknown") is None
    with pytest.raises(Pool.DoesNotExist):
        pool_by_name.get(name="pol_unknown")


def test_a_row_that_was_read_is_saved_like_any_other(market: Market) -> None:
    found = pool_by_name.get(name=market.h100.public_id)
    found.lot = 16
    found.save(update_fields=["lot"])
    assert Pool.objects.get(pk=market.h100.pk).lot == 16


def test_the_time_is_the_database_s_or_the_frozen_one(market: Market) -> None:
    before = clock.now()
    _, at = locked_pool.first_at(pk=market.h100.pk) or (None, None)
    assert at is not None
    assert before <= at <= clock.now()
    with clock.frozen(before + timedelta(days=1)) as then:
        assert (locked_pool.first_at(pk=market.h100.pk) or (None, None))[1] == then
        assert pool_by_name.get(name=market.h100.public_id).__dict__["at"] == then


def test_a_written_row_has_its_id_and_reads_back_the_same() -> None:
    made = event("quote.created")
    insert(made)
    kept = Event.objects.get(pk=made.pk)
    assert (kept.name, kept.public_id, kept.data, kept.created_at) == (
        made.name,
        made.public_id,
        made.data,
        made.created_at,
    )
    assert not made._state.adding


def test_several_writes_are_one_statement_and_stand_or_fall_together() -> None:
    first, second = event("quote.created"), event("quote.accepted")
    taken = Write("taken", "UPDATE marketplace_organisation SET name = %s WHERE id = %s", ("Taken", -1))
    insert(second, taken, insertion(first))
    assert [each.name for each in Event.objects.order_by("name")] == ["quote.accepted", "quote.created"]


def test_a_row_is_left_out_where_another_write_made_it_needless() -> None:
    there = Organisation.objects.create(name="First Bank", legal_name="First Bank AG", country="DE")
    for name, written in ((there.pk, 0), (-1, 1)):
        renamed = Write("renamed", "UPDATE marketplace_organisation SET name = 'B' WHERE id = %s RETURNING id", [name])
        run(renamed, insertion(event("quote.created"), unless="renamed"))
        assert Event.objects.count() == written


def test_a_text_that_is_too_long_is_refused_and_never_cut() -> None:
    nobody = Write("nobody", "UPDATE marketplace_organisation SET name = 'B' WHERE id = %s RETURNING id", [-1])
    with pytest.raises(DataError, match="too long"):
        run(nobody, insertion(event("n" * 61), unless="nobody"))
