"""./headroom manage: a management command against the servers of the demo, started for it when they are not up."""

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, NoReturn

import psycopg

from marketplace.local import postgres, servers, valkey
from marketplace.local.family import Family
from marketplace.local.home import ROOT, Home, InUse, held
from marketplace.local.interrupts import Stopped, stopped_by_signals
from marketplace.local.processes import Died, spawn, spawn_at_terminal
from marketplace.local.says import CannotStart, step

RUNNING = 60.0
MAKING_TABLES = (["migrate"], ["makemigrations"])


def manage(arguments: list[str]) -> int:
    home = Home("demo")
    home.make()
    if addresses := servers.given():
        replace_by_command(servers.environment(home, addresses), arguments)
    at_terminal = sys.stdin.isatty()
    try:
        with held(home, "manage"), stopped_by_signals(ctrl_c=not at_terminal), Family(home.record) as family:
            return on_own_servers(family, home, arguments, at_terminal)
    except InUse:
        return on_running_servers(home, arguments)
    except Stopped as stopped:
        return stopped.exit_code


def on_own_servers(family: Family, home: Home, arguments: list[str], at_terminal: bool) -> int:
    with step("PostgreSQL and Valkey", to=sys.stderr):
        servers.start(family, home, {})
    env = environment(home)
    with used(home) as users:
        if arguments[:1] not in MAKING_TABLES and not postgres.has_tables(home):
            make_tables(family, home, env)
        args = [sys.executable, str(ROOT / "manage.py"), *arguments]
        code = family.finish(spawn_at_terminal("manage", args, env=env, cwd=None, own_session=not at_terminal))
        fcntl.flock(users, fcntl.LOCK_EX)  # another `manage` may have joined us: its servers stay until it is done
    return code


def on_running_servers(home: Home, arguments: list[str]) -> NoReturn:
    deadline = time.monotonic() + RUNNING
    while not answering(home):
        if time.monotonic() > deadline:
            raise CannotStart(f"the servers in {home.path} belong to a running ./headroom, but do not answer.")
        time.sleep(0.1)
    with used(home) as users:
        os.set_inheritable(users.fileno(), True)
        replace_by_command(environment(home), arguments)


def replace_by_command(env: dict[str, str], arguments: list[str]) -> NoReturn:
    os.execve(sys.executable, [sys.executable, str(ROOT / "manage.py"), *arguments], env)


@contextmanager
def used(home: Home) -> Iterator[IO[str]]:
    """Says that a command uses the servers; the kernel takes it back when the command ends."""
    with (home.path / "users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield users


def environment(home: Home) -> dict[str, str]:
    env = servers.environment(home, servers.embedded(home))
    if home.signins.exists():
        env["HEADROOM_BASE_URL"] = json.loads(home.signins.read_text())["web"]
    return env


def answering(home: Home) -> bool:
    try:
        psycopg.connect(servers.embedded(home).database_url).close()
    except psycopg.OperationalError:
        return False
    return valkey.answers(home)


def make_tables(family: Family, home: Home, env: dict[str, str]) -> None:
    with step("tables of the new database", to=sys.stderr):
        args = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
        child = spawn("tables", args, log=home.log("tables"), env=env, cwd=ROOT)
        if family.finish(child):
            raise Died(child)
