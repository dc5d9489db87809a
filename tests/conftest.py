"""Real parts for the suite: each pytest worker has its own database and broker, a Celery worker and a browser.

`./headroom test` starts PostgreSQL and Valkey and says where they are.
"""

import os
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connection, transaction
from playwright.sync_api import Browser, Page, sync_playwright
from psycopg.conninfo import make_conninfo
from xdist.scheduler import LoadScopeScheduling as Scheduler

from marketplace.celery import app
from marketplace.local import browser as machine
from marketplace.local.home import ROOT
from marketplace.local.processes import Child, spawn, stop
from tests.cockpit import Cockpit, open_cockpit
from tests.market import Market, open_market
from tests.tables import ready_made
from tests.waiting import wait_until

hypothesis.settings.register_profile("headroom", deadline=None, derandomize=True)
hypothesis.settings.load_profile("headroom")


def pytest_configure(config: pytest.Config) -> None:
    if "DATABASE_URL" not in os.environ or "CELERY_BROKER_URL" not in os.environ:
        pytest.exit("The suite needs its servers: run it with ./headroom test [pytest arguments].", returncode=1)
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1").removeprefix("gw")) + 1
    # Celery looks into the environment before the settings.
    os.environ["CELERY_BROKER_URL"] = settings.CELERY_BROKER_URL = broker_of(number)
    # The real hash takes a quarter of a second for each user by design.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


HEAVY = ("tests/faults/", "tests/browser/", "tests/machine/", "tests/tenancy/", "tests/races/")
AT_THE_STAND = [f"tests/faults/test_{name}.py" for name in ("kills", "over_http", "queue_and_clock")]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "Scheduler | None":
    return ByWorld(config, log) if config.getvalue("dist") == "loadscope" else None


class ByWorld(Scheduler):
    """What shares a world runs in one worker: a module, and all that faults do to the one stand."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.split("::")[0]
        return "the stand" if module in AT_THE_STAND else module


def broker_of(number: int) -> str:
    """Valkey's database 0 for a single process, and one for each pytest worker beside it."""
    return os.environ["CELERY_BROKER_URL"].replace("virtual_host=0", f"virtual_host={number}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is left with it at the end.

    `./headroom test --no-browser` leaves browser tests out on purpose, and its last line says so.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(HEAVY))
    if os.environ.get("HEADROOM_CHROMIUM") != "":
        return
    left_out = [item for item in items if "browser" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """pytest-django's place for what it should know before it makes this worker's database."""
    connection.settings_dict["TEST"]["TEMPLATE"] = ready_made()


@pytest.fixture(scope="module")
def together(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """One transaction around a module, for what its tests share; each test's own is a savepoint in it.

    A test that commits (`transaction=True`), or that needs an empty market, belongs in a module without this.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def opened(together: None) -> Market:
    """The market that all tests of a module start from: opened once, for it takes longer than most of them."""
    return open_market()


@pytest.fixture
def market(opened: Market, db: None) -> Market:
    """What a test does to it, in the database or to these objects, no other sees."""
    return deepcopy(opened)


@pytest.fixture
def nothing_kept() -> Iterator[None]:
    """For a test that edits what the product never does: processes keep such rows by their ids."""
    forget()
    yield
    forget()


def forget() -> None:
    """As a process that has just begun."""
    ours = [module for name, module in sys.modules.items() if name.startswith(("marketplace.", "pricing.", "reserv"))]
    for kept in [each for module in ours for each in vars(module).values() if hasattr(each, "cache_clear")]:
        kept.cache_clear()


@pytest.fixture
def cockpit(market: Market) -> Cockpit:
    return open_cockpit(market)


@pytest.fixture(scope="module")
def worker_process(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """It ends with the module, so that no other test has a worker behind its back."""
    app.control.purge()
    child = start_worker(tmp_path_factory.mktemp("worker") / "worker.log")
    wait_until(lambda: "ready." in child.last_lines(200) or child.process.poll() is not None, timeout=60)
    assert child.process.poll() is None, child.last_lines(40)
    yield child
    stop([child])


@pytest.fixture
def celery_worker(transactional_db: None, worker_process: Child) -> Iterator[Child]:
    """A real worker on this pytest worker's database and broker.

    It comes to rest before the test's tables are emptied, for which a sweep's locks would be in the way.
    """
    yield worker_process
    wait_until(is_at_rest, timeout=60)


def is_at_rest() -> bool:
    """Nothing runs and nothing waits: a sweep that ends may have woken another one, whose message is dropped here."""
    return is_idle() and app.control.purge() == 0 and is_idle()


def is_idle() -> bool:
    """A worker that does not answer is busy, too: it may be starting a task."""
    asked = app.control.inspect(timeout=2.0, limit=1)
    return all(reply and not any(reply.values()) for reply in (asked.active(), asked.reserved()))


def start_worker(log: Path) -> Child:
    database = make_conninfo(os.environ["DATABASE_URL"], dbname=str(settings.DATABASES["default"]["NAME"]))
    env = os.environ | {"DATABASE_URL": database}
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    args = [sys.executable, "-m", "celery", "-A", "marketplace.celery", "worker", "-c", "1", "-l", "INFO", *quiet]
    return spawn("worker", args, log=log, env=env, cwd=ROOT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's chromium.

    Playwright leaves an event loop running in this thread, on which Django refuses to touch the database: so it ends
    with the module, and Django is told otherwise only as long as it lives.
    """
    path = os.environ.get("HEADROOM_CHROMIUM") or machine.find()
    assert path, machine.missing()
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=path, args=["--disable-dev-shm-usage"])
            yield chromium
            chromium.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a context of its own; it may ask no other host than the one that it visits, and break no script."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    foreign: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if is_foreign(request.url) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert (foreign, errors) == ([], [])


def is_foreign(url: str) -> bool:
    return not url.startswith(("http://localhost:", "http://127.0.0.1:", "data:", "blob:", "about:"))
