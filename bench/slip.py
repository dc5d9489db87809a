"""From the POST of a slip to every buyer's choices: a site goes down, and a thousand reservations are touched.

20 pools at 10 sites x 730 days with 20,000 reservations of one to two lots; gunicorn and a Celery worker as the demo
runs them. A member of staff enters an outage of a whole site by the form of the cockpit, its preview confirmed. The
clock runs from that request until the last buyer concerned has choices: projection with 10,000 scenarios, limits of all
pools, shortfalls, the plan of least harm, and the announcement with a hold for each choice.

`p95_seconds_1000` is the 95th percentile over the slips of one run, one site after the other; `touched` is how many
buyers' reservations each had, in the middle. `replayed` is the share of the plans that were made again to the bit.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from bench._market import open_market, reserve
from bench._scratch import scratch_database
from bench._web import Web, database_address
from marketplace.catalogue.models import Site
from marketplace.local.home import ROOT
from marketplace.local.processes import Child, spawn, stop
from marketplace.parties.models import User
from marketplace.units import clock
from pricing.quotes.contracts import ensure_default_contract
from reservations.allocation.models import Plan, PlannedReservation
from reservations.allocation.plans import replay
from reservations.allocation.remedies import Remedy

RESERVATIONS, LOT = 20_000, 8
SLIPS = 4
FIRST, DAYS = 60, 330  # the days on which the site is down
PATIENCE = 600.0
GOAL = 20.0
TOKEN = "b" * 32  # against forged forms: the same in the cookie and in the form


def run() -> Iterator[tuple[str, float, float | None]]:
    with scratch_database("headroom_bench_slip"):
        now = clock.now()
        ensure_default_contract(now=now)
        buyer, _ = open_market(now)
        reserve(RESERVATIONS, LOT, buyer, now)
        cookies = _signed_in()
        with worker(), Web("") as web:
            found = [slip(web, cookies, site) for site in Site.objects.order_by("pk")[:SLIPS]]
        seconds, touched = zip(*found, strict=True)
        yield "touched", float(np.median(touched)), None
        yield "p50_seconds_1000", float(np.median(seconds)), None
        yield "p95_seconds_1000", float(np.percentile(seconds, 95)), GOAL
        plans = list(Plan.objects.values_list("public_id", flat=True))
        yield "replayed", sum(replay(public_id=each).is_the_same for each in plans) / len(plans), 1.0


def _signed_in() -> str:
    """The cookies of a member of staff."""
    staff = Client()
    staff.force_login(User.objects.create_superuser("bench@headroom.test", "a password", name="Staff"))
    session = staff.cookies[settings.SESSION_COOKIE_NAME].value
    return f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}"


def slip(web: Web, cookies: str, site: Site) -> tuple[float, int]:
    """Seconds until everybody whom the outage concerns has choices, and how many those are."""
    before, form = Plan.objects.count(), urlencode(_outage(site))
    headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
    start = time.perf_counter()
    status, body = web.sent("POST", reverse("admin:marketplace_disruption_add"), form, headers)
    if status != HTTPStatus.FOUND:
        raise RuntimeError(f"The outage was not entered: {status} {body[:500]!r}")
    while not _all_told(before):
        if time.perf_counter() - start > PATIENCE:
            raise RuntimeError(f"Not everybody was told within {PATIENCE:.0f} s.")
        time.sleep(0.05)
    seconds = time.perf_counter() - start
    plan = Plan.objects.latest("pk")
    told = Remedy.objects.filter(plan=plan.public_id).count()
    if told != PlannedReservation.objects.filter(plan=plan).exclude(offered=[]).count():
        raise RuntimeError("Somebody whom the plan concerns was not told.")
    print(f"{site}: {told} told in {seconds:.1f} s", file=sys.stderr, flush=True)
    return seconds, told


def _outage(site: Site) -> dict[str, Any]:
    today = clock.today()
    return {
        "kind": "outage",
        "starts": today + timedelta(days=FIRST),
        "ends": today + timedelta(days=FIRST + DAYS),
        "site": site.pk,
        "usable_share": "0",
        "delay_days": 0,
        "work_days": 90,
        "reason": "The substation is down",
        "_confirmed": "1",
        "csrfmiddlewaretoken": TOKEN,
    }


def _all_told(before: int) -> bool:
    return Plan.objects.count() > before and not PlannedReservation.objects.filter(announced_at=None).exists()


@contextmanager
def worker() -> Iterator[Child]:
    """A Celery worker on this database, as the demo has it."""
    with TemporaryDirectory() as logs:
        args = [sys.executable, "-m", "celery", "-A", "marketplace.celery", "worker", "-c", "2", "-l", "INFO"]
        args += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        env = {**os.environ, "DATABASE_URL": database_address(), "HEADROOM_LOCAL": "1"}
        env["DJANGO_SETTINGS_MODULE"] = "marketplace.settings"
        child = spawn("worker", args, log=Path(logs) / "worker.log", env=env, cwd=ROOT)
        try:
            while "ready." not in child.last_lines(200):
                time.sleep(0.1)
            yield child
        finally:
            stop([child])
            connection.close()
