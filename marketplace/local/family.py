"""One supervisor's children: watched together, stopped in order, and on record for the start after a kill -9."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from marketplace.local.processes import Child, Died, end, libc, started_at, stop

SERVERS = ("postgres", "valkey")


class Family:
    """The children of one supervisor, on record so that the next start can find what this one left behind."""

    def __init__(self, record: Path) -> None:
        self.record = record
        self.children: list[Child] = []
        self.watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Family":
        stop_left_over(self.record)
        if libc is None:
            self.watchdog = start_watchdog(self.record)
        return self

    def __exit__(self, *_: object) -> None:
        # Whoever was started last needs those before it: programs stop before the servers that they talk to.
        servers = [child for child in self.children if child.name in SERVERS]
        stop([child for child in self.children if child.name not in SERVERS])
        stop(servers)
        self.record.unlink(missing_ok=True)
        if self.watchdog:
            self.watchdog.communicate()

    def add(self, child: Child) -> Child:
        self.children.append(child)
        entries = [[c.name, c.process.pid, started_at(c.process.pid), c.stop_signal] for c in self.children]
        draft = self.record.with_suffix(".new")
        draft.write_text(json.dumps({"supervisor": os.getpid(), "children": entries}))
        draft.replace(self.record)
        return child

    def check(self, *, but: Child | None = None) -> None:
        """Raises as soon as one of them is gone, servers included: without its database the web runs on for ever."""
        for child in self.children:
            if child is not but and child.process.poll() is not None:
                raise Died(child)

    def finish(self, child: Child) -> int:
        """Waits for a child that is meant to end, and returns its exit code; the others are watched meanwhile."""
        self.add(child)
        while child.process.poll() is None:
            self.check(but=child)
            time.sleep(0.05)
        self.children.remove(child)
        return child.process.returncode


def stop_left_over(record: Path, *, supervisor: int | None = None) -> None:
    """Stops what a killed supervisor left running. With `supervisor`, only if the record is still that one's."""
    try:
        found = json.loads(record.read_text())
    except (OSError, ValueError):
        return
    if supervisor not in (None, found["supervisor"]):
        return
    for _, pid, started, stop_signal in reversed(found["children"]):
        end(pid, started, stop_signal)
    record.unlink(missing_ok=True)


def start_watchdog(record: Path) -> "subprocess.Popen[bytes]":
    """Where the kernel tells no child of its parent's death, this process hears it as the end of its input."""
    code = (
        "import sys; from pathlib import Path; from marketplace.local.family import stop_left_over;"
        "sys.stdin.read(); stop_left_over(Path(sys.argv[1]), supervisor=int(sys.argv[2]))"
    )
    args = [sys.executable, "-c", code, str(record), str(os.getpid())]
    return subprocess.Popen(args, stdin=subprocess.PIPE, start_new_session=True)
