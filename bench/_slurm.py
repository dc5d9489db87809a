"""Debian's slurmctld with nodes in State=CLOUD, which need no slurmd: how many reservations a second it makes.

Runs as whoever runs the benchmark, with a munged and a state directory of its own; nothing of the system's is touched.
"""

import getpass
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

NEEDED = ("slurmctld", "scontrol", "munged")
NODES, SPARE = 250, 50
LENGTH = 28  # days of a reservation, as of our purchases
READY = 60.0
TIMED = 40
A_BATCH = 250  # reservations that one scontrol makes while we only fill up


class SlurmFailed(Exception):
    """What a command of Slurm said as it failed."""


def is_installed() -> bool:
    return all(_where(name) for name in NEEDED)


def reservations_a_second(present: int) -> float:
    """Fills up with `present` reservations, one after another on every node, then makes some more on the clock: each of
    one node for four weeks from a day among those, and Slurm finds the node."""
    with TemporaryDirectory(prefix="hr-slurm-") as directory, _running(Path(directory)) as env:
        for first in range(0, present, A_BATCH):
            numbers = range(first, min(first + A_BATCH, present))
            _reserve([_asked(n, 1 + LENGTH * (n // NODES), f"nodes=n{n % NODES}") for n in numbers], env)
        draws, days = random.Random(present), 1 + LENGTH * (present // NODES)
        asked = [_asked(present + n, draws.randint(1, days), "nodecnt=1") for n in range(TIMED)]
        start = time.perf_counter()
        _reserve(asked, env)
        return TIMED / (time.perf_counter() - start)


def _asked(number: int, day: int, what: str) -> str:
    return (
        f"create reservation reservationname=r{number} starttime=now+{day}days duration={LENGTH}-00:00:00"
        f" users={getpass.getuser()} {what}"
    )


def _reserve(asked: list[str], env: dict[str, str]) -> None:
    """One scontrol that asks for them one after another, as its users' scripts do."""
    _run([_found("scontrol")], env, "\n".join([*asked, "quit", ""]))


@contextmanager
def _running(home: Path) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        key = home / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        munge = home / "munge.socket"
        port = _free_port()
        conf = home / "slurm.conf"
        conf.write_text(
            _CONF.format(user=getpass.getuser(), port=port, home=home, nodes=NODES + SPARE - 1, munge=munge)
        )
        env = {**os.environ, "SLURM_CONF": str(conf)}
        files = [f"--{name}-file={home / f'munge.{name}'}" for name in ("log", "pid", "seed")]
        args = [_found("munged"), "--foreground", "--force", f"--socket={munge}", f"--key-file={key}", *files]
        stack.enter_context(_child(args, env))
        stack.enter_context(_child([_found("slurmctld"), "-D", "-f", str(conf)], env))
        _wait(env)
        yield env


_CONF = """
ClusterName=bench
SlurmctldHost=localhost
SlurmUser={user}
SlurmctldPort={port}
StateSaveLocation={home}
SlurmctldPidFile={home}/slurmctld.pid
SlurmctldLogFile={home}/slurmctld.log
AuthType=auth/munge
AuthInfo=socket={munge}
CredType=cred/munge
ProctrackType=proctrack/linuxproc
SchedulerType=sched/backfill
SelectType=select/cons_tres
AccountingStorageType=accounting_storage/none
SuspendProgram=/bin/true
ResumeProgram=/bin/true
SuspendTime=600
ReturnToService=2
NodeName=n[0-{nodes}] CPUs=8 RealMemory=1000 State=CLOUD
PartitionName=all Nodes=ALL Default=YES State=UP
"""


@contextmanager
def _child(args: list[str], env: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(args, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(env: dict[str, str]) -> None:
    deadline = time.monotonic() + READY
    while True:
        try:
            _run([_found("scontrol"), "ping"], env)
            _run([_found("scontrol"), "show", "nodes"], env)
        except SlurmFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _run(args: list[str], env: dict[str, str], lines: str = "") -> str:
    done = subprocess.run(args, env=env, input=lines, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode or "rror" in said:
        raise SlurmFailed(said[-500:])
    return said


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _where(name: str) -> str | None:
    """Debian keeps servers out of a user's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _found(name: str) -> str:
    found = _where(name)
    if found is None:
        raise SlurmFailed(f"{name} is not installed.")
    return found
