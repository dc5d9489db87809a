"""Which projects serve which reservations, kept with its history, and worked out again only where something changed."""

from datetime import timedelta

import pytest

from marketplace.change import change
from marketplace.supply.models import Project, ProjectOutlook
from marketplace.units import clock
from reservations.delivery.allotting import allot
from reservations.delivery.models import Serving, ServingRun
from reservations.delivery.queries import served_by, standing_of
from reservations.tasks import allot_projects
from tests.delivery.conftest import Site
from tests.market import ready_today
from tests.pricing.test_quotes import take
from tests.reservations.test_booking import accept

pytestmark = pytest.mark.django_db


def now_served(site: Site) -> list[tuple[str, int]]:
    return served_by(site.block)


def slip(project: Project, days: int) -> None:
    day = clock.today() + timedelta(days=days)
    ProjectOutlook.objects.filter(project=project).update(p10=day, p50=day, p90=day)


def second_hall(site: Site, gpus: int = 512) -> Project:
    project = Project.objects.create(
        pool=site.market.h100, campus="Northfield", ordinal=2, name="Hall 2", gpus=gpus, mw=5, h100_equivalents=gpus
    )
    projection = ProjectOutlook.objects.latest("pk").projection
    ready_today(projection, project)
    return project


def test_a_block_is_served_by_a_project_and_asked_again_nothing_is_solved(site: Site) -> None:
    assert allot_projects() == 1
    assert now_served(site) == [("Hall 1", 64)]
    assert (allot_projects(), ServingRun.objects.count()) == (0, 1)
    run = ServingRun.objects.get()
    assert (run.blocks, run.moved_blocks, run.unserved_gpus) == (1, 0, 0)


def test_a_slip_moves_what_it_hits_and_the_history_says_from_where(site: Site) -> None:
    allot_projects()
    second_hall(site)
    slip(site.market.h100.projects.get(name="Hall 1"), 300)
    assert allot_projects() == 1
    assert now_served(site) == [("Hall 2", 64)]
    old, new = Serving.objects.order_by("pk")
    first, second = ServingRun.objects.order_by("pk")
    assert (old.since, old.until, new.since, new.until) == (first, second, second, None)
    assert (second.moved_blocks, second.moved_gpus) == (1, 64)


def test_another_hall_moves_nobody(site: Site) -> None:
    allot_projects()
    second_hall(site, gpus=64)
    accept(site.market.rival, take(site.market, site.market.rival))
    assert allot_projects() == 1
    assert now_served(site) == [("Hall 1", 64)]
    assert ServingRun.objects.latest("pk").moved_blocks == 0


def test_what_no_project_is_ready_for_is_said(site: Site) -> None:
    slip(site.market.h100.projects.get(name="Hall 1"), 300)
    allot_projects()
    assert now_served(site) == [("", 64)]
    assert ServingRun.objects.get().unserved_gpus == 64


def test_what_is_in_use_stays_where_it_is_whatever_a_date_says(site: Site) -> None:
    allot_projects()
    site.give()
    second_hall(site)
    with clock.frozen(site.at(3)):
        projects = ProjectOutlook.objects.filter(project__name="Hall 1")
        projects.update(p90=clock.today() + timedelta(days=200))
        change.run(lambda: allot(pool=site.market.h100, now=clock.now()))
    assert now_served(site) == [("Hall 1", 64)]


def test_what_is_given_up_is_served_by_nobody(site: Site) -> None:
    allot_projects()
    type(site.block).objects.filter(pk=site.block.pk).update(status="cancelled")
    assert allot_projects() == 1
    assert now_served(site) == []
    assert Serving.objects.get().until is not None


def test_a_customer_sees_the_project_only_where_the_sellers_contract_shows_it(site: Site) -> None:
    allot_projects()
    assert standing_of(site.fresh(), site.at(0), sees_project=True).served_by == (("Hall 1", 64),)
    assert standing_of(site.fresh(), site.at(0), sees_project=False).served_by == ()
