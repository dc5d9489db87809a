"""The whole product in processes that can be killed, on a PostgreSQL of its own that keeps its promises.

The suite's own server is told to forget (no fsync), and everybody else uses it: nothing here touches it. Django in this
process looks at the stand's database only inside `database()`.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection, connections
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from marketplace.capacity.queries import differences
from marketplace.local import postgres, servers, valkey
from marketplace.local.demo import worker_tmp_dir
from marketplace.local.home import ROOT, Home
from marketplace.local.processes import Child, spawn, stop
from marketplace.local.web import is_healthy
from marketplace.units import clock
from pricing.curve.models import PricePolicy
from pricing.quotes.models import ACCEPTED, EXPIRED, Quote
from reservations.booking.models import Reservation
from tests.faults.processes import below, is_running
from tests.market import Market, open_market
from tests.tables import ready_made
from tests.waiting import wait_until

CELERY = [sys.executable, "-m", "celery", "-A", "marketplace.celery"]
QUIET = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
QUICK_RESTART = {"checkpoint_timeout": "30s", "restart_after_crash": "on", "log_min_error_statement": "panic"}


@dataclass(frozen=True)
class Verdict:
    """What must be empty after every fault."""

    differences: Sequence[Any]  # totals that are not the sum of their entries
    above_limits: int  # days on which more is claimed than the class may hold
    both: int  # quotes that are expired and accepted
    without_claim: int  # reservations whose capacity is not as their state has it
    lost: Sequence[str]  # reservations that were confirmed to a client and are not there, or not as confirmed

    @property
    def is_clean(self) -> bool:
        return not (self.differences or self.above_limits or self.both or self.without_claim or self.lost)


class Stand:
    """Everything by its name, started on first use, and what is killed can be started again."""

    def __init__(self, base: Path) -> None:
        self._home_before = os.environ.get("HEADROOM_HOME")
        os.environ["HEADROOM_HOME"] = str(base)
        self.home = Home("faults")
        self.home.make()
        (self.home.path / "static").mkdir(exist_ok=True)
        self.children: dict[str, Child] = {}
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(128)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def open(self) -> Market:
        """Servers, tables and a market in which nobody is kept from trying again."""
        self.start_postgres()
        self.start_broker()
        postgres.make_database(self.home)
        self._copy_tables()
        with self.database():
            market = open_market()
            PricePolicy.objects.create(
                version=2,
                starts_at=clock.now(),
                published_by="tests",
                lapses_to_cooldown=None,
                hold_limit_gpu_hours=None,
            )
        return market

    def _copy_tables(self) -> None:
        """From the suite's own server, where they are made already."""
        source = make_conninfo(os.environ["DATABASE_URL"], dbname=ready_made())
        dump: list[str | Path] = [postgres.binaries() / "pg_dump", "--no-owner", "--no-privileges", source]
        load: list[str | Path] = [
            postgres.binaries() / "psql",
            "--quiet",
            "--no-psqlrc",
            "-v",
            "ON_ERROR_STOP=1",
            postgres.url(self.home),
        ]
        made = subprocess.run(dump, capture_output=True, check=True)
        subprocess.run(load, input=made.stdout, stdout=subprocess.DEVNULL, check=True)

    def close(self) -> None:
        last = ("broker", "postgres")
        stop([child for name, child in self.children.items() if name not in last])
        stop([self.children[name] for name in last if name in self.children])
        self.socket.close()
        if self._home_before is None:
            del os.environ["HEADROOM_HOME"]
        else:
            os.environ["HEADROOM_HOME"] = self._home_before

    # Programs

    def start_postgres(self) -> None:
        self.children["postgres"] = child = postgres.start(self.home, QUICK_RESTART)
        postgres.wait(self.home, child)

    def start_broker(self) -> None:
        self.children["broker"] = child = valkey.start(self.home)
        valkey.wait(self.home, child)

    def start_web(self) -> None:
        """Two processes of eight threads, so that one serves while the other starts again: at once, being preloaded."""
        number = self.socket.fileno()
        args = [sys.executable, "-m", "gunicorn", "marketplace.wsgi", "--bind", f"fd://{number}"]
        args += ["--worker-class", "gthread", "--workers", "2", "--threads", "8", "--preload"]
        args += ["--no-control-socket", *worker_tmp_dir()]
        self._spawn("web", args, pass_fds=(number,))
        wait_until(lambda: is_healthy(self.url), timeout=60)

    def start_worker(self) -> None:
        self._spawn("worker", [*CELERY, "worker", "-c", "1", "-l", "INFO", *QUIET])
        wait_until(lambda: "ready." in self.children["worker"].last_lines(200), timeout=60)

    def start_beat(self) -> None:
        for old in self.home.path.glob("beat-schedule*"):
            old.unlink()
        self._spawn("beat", [*CELERY, "beat", "-s", str(self.home.path / "beat-schedule"), "--pidfile="])

    def _spawn(self, name: str, args: list[str], pass_fds: Sequence[int] = ()) -> None:
        env = servers.environment(self.home, servers.embedded(self.home))
        log = self.home.log(f"{name}-{len(list(self.home.path.glob(f'{name}-*.log')))}")
        self.children[name] = spawn(name, args, log=log, env=env, cwd=ROOT, pass_fds=pass_fds)

    def stop(self, *names: str) -> None:
        stop([self.children.pop(name) for name in names if name in self.children])

    def kill(self, name: str) -> None:
        """SIGKILL to the program and to everything below it."""
        child = self.children.pop(name)
        pids = [child.process.pid, *below(child.process.pid)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.process.wait(30)
        wait_until(lambda: not any(map(is_running, pids)))

    def kill_one_below(self, name: str, rng: random.Random) -> None:
        """SIGKILL to one of its processes: the program itself finds that out and starts another."""
        found = below(self.children[name].process.pid)
        if found:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(found), signal.SIGKILL)

    # The database

    @contextmanager
    def database(self) -> Iterator[None]:
        """Django's connection leads to the stand meanwhile, in this thread and in those that it starts."""
        settings, kept = connection.settings_dict, dict(connection.settings_dict)
        connections.close_all()
        parts = conninfo_to_dict(postgres.url(self.home))
        settings |= {"NAME": parts["dbname"], "USER": parts["user"], "PASSWORD": "", "HOST": parts["host"], "PORT": ""}
        try:
            yield
        finally:
            connections.close_all()
            settings |= kept

    def execute(self, sql: str, parameters: Sequence[Any] = (), *, user: str = "headroom") -> list[tuple[Any, ...]]:
        """One statement by a connection of its own, as a person at psql would."""
        with self.session(user) as session:
            cursor = session.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []

    def session(self, user: str = "headroom") -> "psycopg.Connection[Any]":
        return psycopg.connect(host=str(self.home.run), user=user, dbname=postgres.ROLE, autocommit=True)

    def hang_up(self) -> None:
        """Ends every connection of the product: new ones have the settings of the moment."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = 'headroom' AND pid <> pg_backend_pid()",
            user="postgres",
        )

    def verdict(self, confirmed: dict[str, str]) -> Verdict:
        """`confirmed`: reservation by quote, as clients were told."""
        with self.database():
            kept = dict(Reservation.objects.values_list("quote__public_id", "public_id"))
            statuses = dict(Quote.objects.values_list("public_id", "status"))
            both = [quote for quote in kept if statuses[quote] != ACCEPTED]
            both += [
                quote
                for (quote,) in connection.cursor()
                .execute("SELECT subject FROM marketplace_event WHERE name = 'quote.expired'")
                .fetchall()
                if statuses.get(quote) != EXPIRED
            ]
            return Verdict(
                differences=differences(),
                above_limits=_one(ABOVE_LIMITS),
                both=len(both) + _one(ACCEPTED_WITHOUT_RESERVATION),
                without_claim=_one(WITHOUT_CLAIM),
                lost=[quote for quote, reservation in confirmed.items() if kept.get(quote) != reservation],
            )

    def broken(self, bundles: dict[str, int]) -> list[str]:
        """Bundles of which some parts are reservations and others are not."""
        with self.database():
            made = Counter(
                Reservation.objects.filter(quote__bundle__public_id__in=bundles).values_list(
                    "quote__bundle__public_id", flat=True
                )
            )
        return [name for name, count in made.items() if count != bundles[name]]


def _one(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


ABOVE_LIMITS = """
    SELECT count(*) FROM marketplace_capacityday,
        LATERAL (SELECT firm_held + firm_committed AS firm) f,
        LATERAL (SELECT firm + standard_held + standard_committed AS standard) s
    WHERE firm > limit_firm OR standard > limit_standard OR standard + standby_held + standby_committed > limit_standby
"""
ACCEPTED_WITHOUT_RESERVATION = """
    SELECT count(*) FROM pricing_quote q WHERE status = 'accepted'
    AND NOT EXISTS (SELECT FROM reservations_reservation r WHERE r.quote_id = q.id)
    AND NOT EXISTS (
        SELECT FROM reservations_reservationchange c JOIN reservations_reservation r ON r.id = c.reservation_id
        WHERE c.quote_id = q.id AND c.accepted_at IS NOT NULL AND r.revision > c.revision)
"""
WITHOUT_CLAIM = """
    SELECT count(*) FROM reservations_reservation r LEFT JOIN marketplace_claim c ON c.id = r.claim_id
    WHERE c.status IS NULL
       OR r.status IN ('scheduled', 'delivering', 'delivered', 'ended') AND c.status <> 'committed'
       OR r.status IN ('pending_approval', 'pending_payment') AND c.status = 'committed'
       OR r.status IN ('cancelled', 'released') AND c.status <> 'released'
"""


def random_moment(rng: random.Random, longest: float = 0.03) -> None:
    """Some part of the time that an acceptance takes."""
    time.sleep(rng.random() * longest)
