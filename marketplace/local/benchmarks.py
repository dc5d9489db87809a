"""./headroom bench: the benchmarks on servers of their own, as safe against a crash as a production server."""

import sys

from marketplace.local import postgres, servers
from marketplace.local.family import Family
from marketplace.local.home import ROOT, Home, held
from marketplace.local.interrupts import Stopped, stopped_by_signals
from marketplace.local.processes import Died, spawn, spawn_at_terminal
from marketplace.local.says import step


def bench(names: list[str]) -> int:
    home = Home("bench")
    try:
        with held(home, "bench"), stopped_by_signals(), Family(home.record) as family:
            return run(family, home, names)
    except Stopped as stopped:
        return stopped.exit_code


def run(family: Family, home: Home, names: list[str]) -> int:
    env = servers.environment(home, servers.embedded(home))
    with step("PostgreSQL, Valkey and empty tables", to=sys.stderr):
        servers.start(family, home, postgres.counting_statements())
        postgres.drop_database(home)  # figures of one run must not depend on what an earlier one left
        postgres.count_statements(home)
        postgres.make_database(home)
        prepare = [sys.executable, "-m", "marketplace.local.prepare"]
        child = spawn("prepare", prepare, log=home.log("prepare"), env=env, cwd=ROOT)
        if family.finish(child):
            raise Died(child)
    args = [sys.executable, "-m", "bench", *names]
    return family.finish(spawn_at_terminal("bench", args, env=env, cwd=ROOT, own_session=True))
