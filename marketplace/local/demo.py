"""./headroom demo: servers, tables, the demo market, then web, worker and beat until Ctrl-C."""

import json
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from marketplace.local import servers, walk, web
from marketplace.local.family import Family
from marketplace.local.home import ROOT, Home, held
from marketplace.local.interrupts import Stopped, stopped_by_signals
from marketplace.local.processes import Died, spawn
from marketplace.local.says import CannotStart, say, step

HEALTHY = 60.0
PRICED = 240.0
KEPT_ON_RESET = ("lock",)


@dataclass(frozen=True)
class Options:
    reset: bool
    once: bool
    port: int | None


def demo(options: Options) -> int:
    home = Home("demo")
    try:
        with held(home, "demo"), stopped_by_signals(), Family(home.record) as family:
            address = start(family, home, options)
            last_line = walk.walk(address, signins(home)) if options.once else watch(family, address, signins(home))
    except Stopped as stopped:
        say("stopped")
        return stopped.exit_code
    say(last_line)  # nothing follows it: everything has stopped by now
    return 0


def start(family: Family, home: Home, options: Options) -> str:
    if options.reset:
        reset(home)
    with web.listen(options.port) as socket:
        address = web.address(socket)
        env = servers.environment(home, start_servers(family, home)) | of_this_clone(address)
        prepare(family, home, env, address)
        with step("web, workers and beat"):
            start_programs(family, home, env, socket.fileno())
            wait_until_healthy(family, address)
    with step("prices"):
        wait_for_prices(family, address, signins(home)["keys"][0]["key"])
    return address


def reset(home: Home) -> None:
    if servers.given():
        raise CannotStart("--reset empties the embedded servers only; unset DATABASE_URL and CELERY_BROKER_URL.")
    for path in home.path.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in KEPT_ON_RESET:
            path.unlink()
    home.signins.unlink(missing_ok=True)


def start_servers(family: Family, home: Home) -> servers.Addresses:
    if addresses := servers.given():
        return addresses
    with step("PostgreSQL and Valkey"):
        servers.start(family, home, {})
    return servers.embedded(home)


def of_this_clone(address: str) -> dict[str, str]:
    """Cookies know no port: without names of their own two clones would sign each other out."""
    port = address.rpartition(":")[2]
    return {
        "HEADROOM_BASE_URL": address,
        "HEADROOM_SESSION_COOKIE": f"headroom_session_{port}",
        "HEADROOM_CSRF_COOKIE": f"headroom_csrf_{port}",
    }


def prepare(family: Family, home: Home, env: dict[str, str], address: str) -> None:
    args = [sys.executable, "-m", "marketplace.local.prepare", "--static", "--market", "--web", address]
    args += ["--signins", str(home.signins)]
    child = spawn("prepare", args, log=home.log("prepare"), env=env, cwd=ROOT, shows_output=True)
    if family.finish(child):
        raise Died(child)


def start_programs(family: Family, home: Home, env: dict[str, str], socket: int) -> None:
    celery = [sys.executable, "-m", "celery", "-A", "marketplace.celery"]
    gunicorn = [sys.executable, "-m", "gunicorn", "marketplace.wsgi", "--bind", f"fd://{socket}"]
    gunicorn += ["--worker-class", "gthread", "--workers", "1", "--threads", "8", "--graceful-timeout", "5"]
    gunicorn += ["--no-control-socket", *worker_tmp_dir()]
    # kill -9 can break beat's schedule file; every task is an idempotent sweep, so it is made anew.
    schedule = home.path / "beat-schedule"
    for old in home.path.glob(f"{schedule.name}*"):
        old.unlink()
    programs = {
        "web": gunicorn,
        "worker": [*celery, "worker", "-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat"],
        # Threads: it waits for other servers, and computes nothing.
        "courier": [*celery, "worker", "-P", "threads", "-c", "2", "-Q", "webhooks", "-n", "courier@%h"]
        + ["--without-gossip", "--without-mingle", "--without-heartbeat"],
        "beat": [*celery, "beat", "-s", str(schedule), "--pidfile="],
    }
    for name, args in programs.items():
        fds = (socket,) if name == "web" else ()
        family.add(spawn(name, args, log=home.log(name), env=env, cwd=ROOT, pass_fds=fds))


def worker_tmp_dir() -> list[str]:
    return ["--worker-tmp-dir", "/dev/shm"] if sys.platform == "linux" else []


def wait_until_healthy(family: Family, address: str) -> None:
    deadline = time.monotonic() + HEALTHY
    while not web.is_healthy(address):
        family.check()
        if time.monotonic() > deadline:
            raise CannotStart(f"{address}/health/ did not answer in {HEALTHY:.0f} s; see .headroom/demo/web.log")
        time.sleep(0.1)


def wait_for_prices(family: Family, address: str, key: str) -> None:
    """The worker projects supply and prices it; until then a buyer would find nothing to buy."""
    deadline = time.monotonic() + PRICED
    while not has_prices(address, key):
        family.check()
        if time.monotonic() > deadline:
            raise CannotStart(f"no price in {PRICED:.0f} s; see .headroom/demo/worker.log")
        time.sleep(0.3)


def has_prices(address: str, key: str) -> bool:
    pools = web.request("GET", f"{address}/api/v1/pools", key=key)["data"]
    first, last = date.today() + timedelta(30), date.today() + timedelta(60)
    query = f"firmness=firm&from={first}&to={last}"
    return any(
        web.request("GET", f"{address}/api/v1/prices?pool={pool['id']}&{query}", key=key)["data"] for pool in pools
    )


def signins(home: Home) -> Any:
    return json.loads(home.signins.read_text())


def introduce(address: str, cast: Any) -> None:
    say(f"\nHeadroom runs at {address}  (admin {address}/admin/, REST {address}/api/docs/)\n")
    rows = [(user["role"], user["organisation"], user["email"], user["password"]) for user in cast["users"]]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        say("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    say()
    for key in cast["keys"]:
        say(f"  API key of {key['organisation']}: {key['key']}")
    say("\nAlso in .headroom/demo.json. Ctrl-C stops everything and keeps the data.")


def watch(family: Family, address: str, cast: Any) -> str:
    """Runs until Ctrl-C, which is how a demo ends well; SIGTERM and a closed terminal end it just so."""
    try:
        introduce(address, cast)
        while True:
            family.check()
            time.sleep(0.3)
    except Stopped:
        return "\nstopped; the data is kept"
