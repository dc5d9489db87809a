"""Promises as published versions, and what a version does to limits."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction

from marketplace.capacity.actions import publish_limits
from marketplace.capacity.models import CapacityDay
from marketplace.change import change
from marketplace.journal.actor import SYSTEM, Actor
from marketplace.models import Entry, Milestone, Pool, Projection, ProjectionDue, SupplyPolicy
from marketplace.supply.actions import project_due, project_supply
from marketplace.supply.models import new_project_id
from marketplace.supply.policies import PolicyInThePast, ensure_default_policy, publish_policy, request_if_changed
from marketplace.supply.projection import class_limits
from marketplace.supply.queries import delivery_confidence
from marketplace.tasks import project_due_supply
from marketplace.units import clock
from marketplace.units.period import Period
from tests.market import Market

pytestmark = pytest.mark.django_db
ROOT = Actor("root@headroom.test", is_staff=True)
DAYS = 300


def publish(**fields: Any) -> SupplyPolicy:
    now = clock.now()
    policy = SupplyPolicy(**{"starts_at": now + timedelta(seconds=1), **fields})
    return change.run(lambda: publish_policy(policy=policy, by=ROOT, now=now))


def projected(market: Market) -> Projection:
    """Two halls of the h100 pool that are still to come, projected for real."""
    hall = market.h100.projects.get()
    Milestone.objects.create(project=hall, kind="chips", planned=market.day(40))
    hall.pk, hall.public_id, hall.ordinal = None, new_project_id(), 2
    hall.save()
    Milestone.objects.create(project=hall, kind="crew", planned=market.day(200))
    return project_supply(reason="test", now=clock.now(), scenarios=1000, days=DAYS)


def limits_in_force(pool: Pool) -> np.ndarray[Any, Any]:
    rows = CapacityDay.objects.filter(pool=pool).order_by("day")[:DAYS]
    return np.array(list(rows.values_list("limit_firm", "limit_standard", "limit_standby"))).T


def test_the_shipped_promises_hold_until_a_version_is_published() -> None:
    found = SupplyPolicy.objects.in_force(clock.now())
    assert (found.version, found.promises()) == (0, (Decimal("0.95"), Decimal("0.75"), Decimal("0")))
    assert (found.most_late_gpu_days, found.most_late_share) == (None, None)
    made = ensure_default_policy(now=clock.now())
    assert (made.version, made.promises()) == (1, found.promises())
    assert ensure_default_policy(now=clock.now()) == made
    assert SupplyPolicy.objects.count() == 1


def test_a_version_holds_from_its_start_and_is_journalled() -> None:
    ensure_default_policy(now=clock.now() - timedelta(hours=1))
    later = clock.now() + timedelta(days=2)
    new = publish(promise_firm=Decimal("0.99"), most_late_gpu_days=5000, starts_at=later)
    assert (new.version, new.published_by) == (2, ROOT.label)
    assert SupplyPolicy.objects.in_force(later - timedelta(seconds=1)).version == 1
    assert SupplyPolicy.objects.in_force(later) == new
    entry = Entry.objects.get(verb="supply_policy.published")
    assert entry.actor == ROOT.label
    assert entry.after == {
        "version": 2,
        "starts_at": later.isoformat(),
        "promises": ["0.99", "0.75", "0"],
        "most_late_gpu_days": 5000,
        "most_late_share": None,
    }


def test_a_version_never_starts_in_the_past() -> None:
    with pytest.raises(PolicyInThePast):
        publish(starts_at=clock.now() - timedelta(minutes=1))
    assert not SupplyPolicy.objects.exists()


@pytest.mark.parametrize("sql", ["UPDATE marketplace_supplypolicy SET promise_firm = 0.5", "DELETE FROM {}"])
def test_the_database_refuses_to_rewrite_a_promise(sql: str) -> None:
    ensure_default_policy(now=clock.now())
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql.format("marketplace_supplypolicy"))
    assert SupplyPolicy.objects.get().promise_firm == Decimal("0.95")


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"promise_firm": Decimal("1")}, "surer_class_promises_more"),
        ({"promise_standard": Decimal("0.96")}, "surer_class_promises_more"),
        ({"promise_standby": Decimal("0.8")}, "surer_class_promises_more"),
        ({"promise_standby": Decimal("-0.1")}, "surer_class_promises_more"),
        ({"most_late_gpu_days": 0}, "late_gpu_days_above_zero"),
        ({"most_late_share": Decimal("0")}, "late_share_is_a_share"),
        ({"most_late_share": Decimal("1.1")}, "late_share_is_a_share"),
    ],
)
def test_the_database_refuses_a_policy_that_makes_no_sense(wrong: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        publish(**wrong)
    assert not SupplyPolicy.objects.exists()


class TestLimits:
    def test_that_are_published_keep_the_promise_over_every_block(self, market: Market) -> None:
        projection = projected(market)
        change.run(lambda: publish_limits(projection=projection, pool=market.h100))
        limits = limits_in_force(market.h100)
        outlook = projection.pools.get(pool=market.h100)
        assert limits.tolist() == outlook.limits
        by_day = class_limits(outlook.p90, outlook.p50, outlook.p10, 8, firm_days=201)
        assert (limits <= by_day).all()
        assert 0 < limits[0].sum() < by_day[0].sum()
        for place, promise in ((0, 0.95), (1, 0.75)):
            period, block = Period.of(market.day(20), 180), limits[place, 20:200]
            found = delivery_confidence(pool_id=market.h100.pk, period=period, required=block, projection=projection)
            assert promise <= found < 1

    def test_made_before_there_were_promises_are_not_written(self, market: Market) -> None:
        projection = projected(market)
        projection.pools.update(limits=None)
        before = limits_in_force(market.h100)
        change.run(lambda: publish_limits(projection=projection, pool=market.h100))
        assert (limits_in_force(market.h100) == before).all()

    def test_follow_a_new_policy_once_it_has_started(self, market: Market) -> None:
        now = clock.now()
        publish(promise_firm=Decimal("0.5"), promise_standard=Decimal("0.5"), starts_at=now + timedelta(hours=1))
        assert not ProjectionDue.objects.filter(done_at=None).exists()
        with clock.frozen(now + timedelta(hours=2)):
            assert project_due_supply()
            newest = Projection.objects.latest("pk")
            assert newest.inputs["promises"] == {"firm": 0.5, "standard": 0.5, "standby": 0.0}
            assert "supply policy v1" in newest.reason
            assert newest.published_at is not None
            assert not request_if_changed(now=clock.now())

    def test_are_asked_for_once_however_often_the_sweep_looks(self, market: Market) -> None:
        publish(promise_firm=Decimal("0.9"))
        with clock.frozen(clock.now() + timedelta(minutes=1)):
            assert request_if_changed(now=clock.now())
            assert not request_if_changed(now=clock.now())
            assert ProjectionDue.objects.filter(done_at=None).count() == 1

    def test_do_not_move_where_a_version_changes_the_exposure_alone(self, market: Market) -> None:
        publish(most_late_gpu_days=100)
        assert not request_if_changed(now=clock.now() + timedelta(minutes=1))
        assert project_due(now=clock.now()) is None


def test_who_publishes_is_named_and_nobody_is_the_system_by_accident() -> None:
    assert publish().published_by != SYSTEM.label
