"""./headroom test: every check and the whole suite, on servers of its own that are fast and forget."""

import os
import sys
import time
from dataclasses import dataclass

from marketplace.local import browser, servers
from marketplace.local.family import Family
from marketplace.local.home import ROOT, Home, held
from marketplace.local.interrupts import Stopped, stopped_by_signals
from marketplace.local.postgres import NO_CRASH_SAFETY
from marketplace.local.processes import Child, spawn, spawn_at_terminal
from marketplace.local.says import CannotStart, say, step

PYTHON = [sys.executable, "-m"]
CHECKS = {
    "ruff check": [*PYTHON, "ruff", "check", "--output-format", "concise"],
    "ruff format": [*PYTHON, "ruff", "format", "--check"],
    "imports": [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
    "types": [*PYTHON, "mypy", "--no-color-output"],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
}
SELECTING = ("-k", "-m", "--lf", "--last-failed", "--sw", "--stepwise", "--collect-only", "--co")


@dataclass(frozen=True)
class Options:
    with_browser: bool
    pytest: list[str]

    @property
    def selects(self) -> bool:
        """Whether only some tests were asked for: then the checks are left out, and the last line says so."""
        return any(
            argument.split("=")[0] in SELECTING or (ROOT / argument.split("::")[0]).exists()
            for argument in self.pytest
            if argument
        )


def test(options: Options) -> int:
    if not options.with_browser and os.environ.get("CI") == "true":
        raise CannotStart("with CI=true nothing is left out: --no-browser is refused.")
    chromium = browser.find_or_install() if options.with_browser else ""
    home, started = Home("test"), time.monotonic()
    try:
        with held(home, "test"), stopped_by_signals(), Family(home.record) as family:
            failed = run(family, home, options, chromium)
    except Stopped as stopped:
        say(str(stopped))
        return stopped.exit_code
    say(verdict(failed, options, time.monotonic() - started))
    return 1 if failed else 0


def run(family: Family, home: Home, options: Options, chromium: str) -> list[str]:
    with step("PostgreSQL and Valkey"):
        servers.start(family, home, NO_CRASH_SAFETY)
    env = servers.environment(home, servers.embedded(home)) | {"HEADROOM_CHROMIUM": chromium}
    (home.path / "static").mkdir(exist_ok=True)  # whitenoise warns about a missing one
    failed = [] if options.selects else check(family, home, env)
    args = [*PYTHON, "pytest", *workers(options.pytest), *options.pytest]
    # A session of its own, so that Ctrl-C reaches it once, from us, and not a second time from the terminal.
    if family.finish(spawn_at_terminal("pytest", args, env=env, cwd=ROOT, own_session=True)):
        failed.append("pytest")
    return failed


def workers(arguments: list[str]) -> list[str]:
    chosen = any(argument.startswith(("-n", "--numprocesses", "--pdb")) for argument in arguments)
    single = any("::" in argument for argument in arguments)
    return [] if chosen or single else ["-n", "2"]


def check(family: Family, home: Home, env: dict[str, str]) -> list[str]:
    """All checks at once, each reported as it ends; what a failed one said follows it."""
    running = {
        name: family.add(spawn(name, args, log=home.log(name.replace(" ", "-")), env=env, cwd=ROOT))
        for name, args in CHECKS.items()
    }
    return [name for name, child in running.items() if not passes(family, name, child)]


def passes(family: Family, name: str, child: Child) -> bool:
    with step(name):
        code = child.process.wait()
    family.children.remove(child)
    if code:
        say(f"{name} FAILED:\n{child.last_lines(60)}\n")
    return code == 0


def verdict(failed: list[str], options: Options, seconds: float) -> str:
    left_out = ["checks"] * options.selects + ["browser tests"] * (not options.with_browser)
    words = f"FAILED: {', '.join(failed)}" if failed else "all passed"
    words += "".join(f"; {each} NOT run" for each in left_out)
    return f"{words} ({seconds:.0f} s)"
