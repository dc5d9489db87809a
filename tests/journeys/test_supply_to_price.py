"""A slip reported by staff reaches the price through a real broker and a real worker."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from psycopg.conninfo import make_conninfo

from marketplace.capacity.models import CapacityDay
from marketplace.celery import app, wake
from marketplace.change import change
from marketplace.journal.actor import Actor
from marketplace.local.home import ROOT
from marketplace.local.processes import Child
from marketplace.supply.models import Milestone, Projection, ProjectionDue
from marketplace.supply.reporting import report_milestone
from marketplace.units import clock
from pricing.curve.models import PriceVersion, Tape
from tests.market import Market, open_market
from tests.pricing.test_quotes import take
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
PLANNER = Actor("supply@headroom.example", is_staff=True)


@pytest.fixture
def market() -> Market:
    return open_market()


def planned(market: Market, *, in_days: int) -> Milestone:
    project = market.h100.projects.get()
    day = market.day(in_days)
    return Milestone.objects.create(project=project, kind="commissioning", planned=day, actual=None)


def report(milestone: Milestone, *, in_days: int, market: Market) -> None:
    change.run(
        lambda: report_milestone(
            milestone=milestone,
            forecast=market.day(in_days),
            actual=None,
            by=PLANNER,
            now=clock.now(),
            reason="transformer late",
        )
    )
    wake("marketplace.project_supply")


def test_a_slip_moves_limits_prices_and_the_reason_on_record(market: Market, celery_worker: Child) -> None:
    milestone = planned(market, in_days=20)
    report(milestone, in_days=200, market=market)
    wait_until(
        lambda: Projection.objects.filter(reason__contains="transformer late").exclude(published_at=None).exists()
    )
    soon = CapacityDay.objects.get(pool=market.h100, day=market.day(60))
    assert (soon.limit_firm, soon.limit_standard) == (0, 0)
    assert ProjectionDue.objects.filter(done_at=None).count() == 0

    # Nobody asks for the prices: the projection wakes the sweep that solves them.
    wait_until(lambda: PriceVersion.objects.filter(reason__contains="transformer late").count() == 2)


def test_a_sweep_that_runs_twice_or_with_nothing_due_changes_nothing(market: Market, celery_worker: Child) -> None:
    before = (Projection.objects.count(), PriceVersion.objects.count(), Tape.objects.count())
    names = ("marketplace.project_supply", "pricing.solve_prices", "marketplace.release_expired_holds")
    results = [app.send_task(name) for name in names for _ in range(2)]
    assert len(results) == 6
    ProjectionDue.objects.create(reason="the last one", requested_at=clock.now())
    wake("marketplace.project_supply")
    # The worker takes one task after the other, so with this one everything before it is done.
    wait_until(lambda: Projection.objects.exclude(published_at=None).count() == before[0] + 1)
    wait_until(lambda: PriceVersion.objects.count() == before[1] + 2)
    # Only what was due has made new prices: the sweeps before it found nothing to do.
    assert PriceVersion.objects.filter(reason="new projection: the last one").count() == 2


def test_the_worker_frees_expired_holds_and_the_ledger_still_adds_up(celery_worker: Child) -> None:
    with clock.frozen(clock.now() - timedelta(minutes=25)):
        market = open_market()
        quote = take(market, market.bank, quantity=512)
    wake("pricing.expire_quotes")
    wait_until(lambda: type(quote).objects.get(pk=quote.pk).status == "expired")
    assert CapacityDay.objects.get(pool=market.h100, day=quote.start).firm_held == 0
    call_command("check_ledger")


WITHOUT_BROKER = """
import django; django.setup()
from marketplace.celery import wake
from marketplace.change import change
from marketplace.supply.reporting import request_projection
from marketplace.units import clock
def ask():
    request_projection(reason="while the broker is away", now=clock.now())
    wake("marketplace.project_supply")
change.run(ask)
"""


def test_a_change_stands_though_the_broker_is_away(market: Market) -> None:
    database = make_conninfo(os.environ["DATABASE_URL"], dbname=str(settings.DATABASES["default"]["NAME"]))
    env = os.environ | {
        "DATABASE_URL": database,
        "CELERY_BROKER_URL": "redis+socket:///nowhere/at/all?virtual_host=0",
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
    }
    done = subprocess.run([sys.executable, "-c", WITHOUT_BROKER], env=env, cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert b"waits for the next tick" in done.stderr
    assert ProjectionDue.objects.filter(done_at=None, reason="while the broker is away").count() == 1
