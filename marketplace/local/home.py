"""Where a clone keeps its servers: one directory each for demo, test and bench, and who may use it now."""

import fcntl
import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from marketplace.local.says import CannotStart

ROOT = Path(__file__).resolve().parents[2]
SOCKET_NAME = ".s.PGSQL.5432"
# The kernel's limit for a socket's path, less its closing zero.
LONGEST_SOCKET = 107 if sys.platform == "linux" else 103


@dataclass(frozen=True)
class Home:
    """The data, sockets and logs of one set of servers."""

    name: str

    @property
    def base(self) -> Path:
        return Path(os.environ.get("HEADROOM_HOME") or ROOT / ".headroom").absolute()

    @property
    def path(self) -> Path:
        return self.base / self.name

    @property
    def record(self) -> Path:
        """The processes that run now, for the start after a kill -9."""
        return self.path / "processes.json"

    @property
    def signins(self) -> Path:
        return self.base / f"{self.name}.json"

    def log(self, name: str) -> Path:
        return self.path / f"{name}.log"

    def make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def run(self) -> Path:
        """The sockets' directory: in the clone, or in /tmp where the clone's path is too long for a socket."""
        run = self.path / "run"
        plain = re.fullmatch(r"[\w/.+-]+", str(run), re.ASCII)
        if plain and len(os.fsencode(run / SOCKET_NAME)) <= LONGEST_SOCKET:
            return run
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(f"/tmp/headroom-{os.geteuid()}-{digest}")


def make_run(run: Path, owner: int) -> None:
    """Makes the sockets' directory for `owner` alone; in /tmp anyone may have put something in its place."""
    run.mkdir(mode=0o700, exist_ok=True)
    found = run.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner):
        raise CannotStart(f"{run} belongs to somebody else; remove it.")
    if found.st_uid != owner:
        os.chown(run, owner, -1)
    run.chmod(0o700)


@contextmanager
def held(home: Home, purpose: str) -> Iterator[None]:
    """This process alone starts and stops the servers of `home`; the kernel lets go even after kill -9."""
    home.make()
    with (home.path / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise InUse(lock.read()) from None
        lock.truncate(0)
        lock.write(f"./headroom {purpose} (pid {os.getpid()})")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


class InUse(CannotStart):
    def __init__(self, holder: str) -> None:
        super().__init__(f"{holder or 'another ./headroom'} is using this clone's servers. Stop it first.")
