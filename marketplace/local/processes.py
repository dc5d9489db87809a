"""Child processes that cannot outlive their supervisor: not after Ctrl-C, not after SIGTERM, not after kill -9."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from marketplace.local.says import CannotStart

PR_SET_PDEATHSIG = 1
PATIENCE = 15.0  # seconds between a polite signal and SIGKILL
LINUX: bool = sys.platform == "linux"
libc = ctypes.CDLL(None) if LINUX else None


@dataclass(frozen=True)
class Child:
    name: str
    process: "subprocess.Popen[bytes]"
    log: Path | None
    stop_signal: int

    def last_lines(self, count: int = 15) -> str:
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


class Died(CannotStart):
    def __init__(self, child: Child) -> None:
        super().__init__(f"{child.name} ended with {child.process.returncode}. {child.log}:\n{child.last_lines()}")


def tied_to_parent(death_signal: int, *, own_session: bool = True) -> Callable[[], None]:
    """What a child does before exec: leave the terminal's group, and ask to be told when its parent dies."""
    parent = os.getpid()

    def in_child() -> None:
        if own_session:
            os.setsid()  # Ctrl-C goes to a whole group, and PostgreSQL must not stop before the others
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            os._exit(1)  # it died in between, and nobody would tell us

    return in_child


def spawn(
    name: str,
    args: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    stop_signal: int = signal.SIGTERM,
    pass_fds: Sequence[int] = (),
    shows_output: bool = False,
) -> Child:
    """Starts a child in a session of its own, its output in a file: a pipe that nobody reads would stop it."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            args,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=None if shows_output else file,
            stderr=file,
            pass_fds=pass_fds,
            preexec_fn=tied_to_parent(stop_signal),
        )
    return Child(name=name, process=process, log=log, stop_signal=stop_signal)


def spawn_at_terminal(
    name: str, args: Sequence[str | Path], *, env: Mapping[str, str], cwd: str | Path | None, own_session: bool
) -> Child:
    """Starts a child that talks to the person: the terminal is its input and output."""
    death = tied_to_parent(signal.SIGINT, own_session=own_session)
    process = subprocess.Popen(args, env=env, cwd=cwd, preexec_fn=death)
    return Child(name=name, process=process, log=None, stop_signal=signal.SIGINT)


def stop(children: Sequence[Child]) -> None:
    """Asks all of them at once, waits, then kills what is left of their groups."""
    for child in children:
        if child.process.poll() is None:
            child.process.send_signal(child.stop_signal)
    deadline = time.monotonic() + PATIENCE
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.0, deadline - time.monotonic()))
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.kill()
        child.process.wait()


def started_at(pid: int) -> str | None:
    """When a process started, as its system tells it; with the pid it names one process, also after a reboot."""
    if LINUX:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        except (OSError, IndexError):
            return None
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or None


def command_of(pid: int) -> str:
    if LINUX:
        try:
            return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except OSError:
            return ""
    asked = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def end(pid: int, started: str | None, stop_signal: int) -> None:
    """Ends a process that is not our child, unless its number belongs to another one by now."""
    deadline = time.monotonic() + PATIENCE
    current = stop_signal
    while started is not None and started_at(pid) == started and not is_zombie(pid):
        with suppress(ProcessLookupError):
            os.kill(pid, current)
        time.sleep(0.1)
        if time.monotonic() > deadline:
            current = signal.SIGKILL


def is_zombie(pid: int) -> bool:
    """Dead but not yet collected: in a container whose first process collects nobody it stays so for ever."""
    if not LINUX:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (OSError, IndexError):
        return True
