"""What ./headroom starts goes away with it, however it ends, and never stands in the way of the next start."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from marketplace.local.home import ROOT, SOCKET_NAME, Home
from tests.faults.processes import below, none_runs
from tests.waiting import wait_until


class Launcher:
    """./headroom with a directory of its own; `servers` starts, watches and stops them as `demo` does."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.env = {
            name: value for name, value in os.environ.items() if not name.endswith(("DATABASE_URL", "_BROKER_URL"))
        }
        self.env["HEADROOM_HOME"] = str(base)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        args = [sys.executable, "-m", "marketplace.local", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(args, cwd=ROOT, env=self.env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def run(self, *arguments: str) -> "tuple[int, str]":
        process = self.start(*arguments)
        said, errors = process.communicate(timeout=90)
        return process.returncode, said + errors

    @contextmanager
    def running(self) -> "Iterator[subprocess.Popen[str]]":
        process = self.start("servers")
        try:
            assert process.stdout
            assert process.stderr
            started, addresses = process.stdout.readline(), process.stdout.readline()
            assert addresses.startswith("export DATABASE_URL="), started + process.stderr.read()
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            process.communicate()

    def record(self) -> dict[str, list[tuple[str, int]]]:
        found: dict[str, list[tuple[str, int]]] = json.loads((self.base / "demo" / "processes.json").read_text())
        return found


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Launcher:
    return Launcher(tmp_path_factory.mktemp("launcher"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_is_left_behind(launcher: Launcher, how: signal.Signals) -> None:
    with launcher.running() as supervisor:
        processes = below(supervisor.pid)
        assert len(processes) > 5
        supervisor.send_signal(how)
        supervisor.wait(30)
        wait_until(lambda: none_runs(processes), timeout=15)
    with launcher.running():
        assert rows(launcher, "select 1") == [(1,)]


def test_a_start_right_after_kill_9_finds_all_committed_rows(launcher: Launcher) -> None:
    with launcher.running() as supervisor:
        with connection(launcher) as database:
            database.execute("create table left_by_a_test as select 'kept' as word")
        for pid in [supervisor.pid, *below(supervisor.pid)]:
            with suppress(ProcessLookupError):  # some go by themselves as soon as those above them are gone
                os.kill(pid, signal.SIGKILL)
        supervisor.wait(30)
    with launcher.running():
        assert rows(launcher, "select word from left_by_a_test") == [("kept",)]


def test_a_server_that_dies_ends_the_rest_and_is_named(launcher: Launcher) -> None:
    with launcher.running() as supervisor:
        processes = below(supervisor.pid)
        os.kill(dict(entry[:2] for entry in launcher.record()["children"])["valkey"], signal.SIGKILL)
        said, errors = supervisor.communicate(timeout=30)
        assert (supervisor.returncode, "valkey ended with -9" in errors) == (1, True), said + errors
        assert none_runs(processes)


def test_a_strangers_pid_in_the_pid_file_does_not_stop_a_start(launcher: Launcher) -> None:
    with launcher.running():
        pass  # killed at its end
    data = next((launcher.base / "demo").glob("pg[0-9][0-9]"))
    wait_until(lambda: not (data / "postmaster.pid").exists())
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
    with launcher.running():
        assert rows(launcher, "select 1") == [(1,)]


def rows(launcher: Launcher, query: LiteralString) -> list[tuple[Any, ...]]:
    with connection(launcher) as database:
        return database.execute(query).fetchall()


def connection(launcher: Launcher) -> "psycopg.Connection[tuple[Any, ...]]":
    pid_file = next((launcher.base / "demo").glob("pg*/postmaster.pid"))
    return psycopg.connect(host=pid_file.read_text().splitlines()[4], user="headroom", dbname="headroom")


def test_a_second_demo_is_refused_by_name_and_pid(launcher: Launcher) -> None:
    with launcher.running() as supervisor:
        code, said = launcher.run("demo")
        assert code == 1
        assert f"./headroom servers (pid {supervisor.pid}) is using" in said
        assert supervisor.poll() is None


def test_a_second_command_uses_the_running_servers_and_leaves_them(launcher: Launcher) -> None:
    with launcher.running() as supervisor:
        before = launcher.record()
        code, said = launcher.run("manage", "check")
        assert (code, launcher.record(), supervisor.poll()) == (0, before, None), said


def test_a_command_on_servers_of_its_own_ends_with_its_own_exit_code(launcher: Launcher) -> None:
    code, said = launcher.run("manage", "migrate", "--no-such-option")
    assert code == 2, said
    assert not (launcher.base / "demo" / "processes.json").exists()


def test_one_server_named_without_the_other_is_refused(launcher: Launcher) -> None:
    launcher.env["DATABASE_URL"] = "postgresql:///headroom"
    code, said = launcher.run("manage", "check")
    del launcher.env["DATABASE_URL"]
    assert code == 1
    assert "set both DATABASE_URL and CELERY_BROKER_URL" in said


def test_a_long_path_puts_the_sockets_into_a_short_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / ("long" * 30)))
    run = Home("demo").run
    assert run.parent == Path("/tmp")
    assert len(str(run / SOCKET_NAME)) < 103
