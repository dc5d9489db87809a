"""Processes of this machine, by what the kernel says of them."""

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def parents() -> dict[int, int]:
    """The parent of every process on this machine."""
    if Path("/proc/self").exists():
        stats = [stat_of(int(path.name)) for path in Path("/proc").glob("[0-9]*")]
        return {int(fields[0]): int(fields[2]) for fields in stats if fields}
    lines = subprocess.check_output(["ps", "-axo", "pid=,ppid="], text=True).splitlines()
    return {int(pid): int(parent) for pid, parent in map(str.split, lines)}


def stat_of(pid: int) -> list[str]:
    """pid, state, parent, … without the name, which may hold anything."""
    with suppress(OSError):
        return [str(pid), *Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()]
    return []


def below(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    table, found = parents(), [pid]
    for each in found:
        found += [child for child, parent in table.items() if parent == each]
    return found[1:]


def is_running(pid: int) -> bool:
    """A zombie is dead: whether anybody collects it is not our business."""
    if Path("/proc/self").exists():
        return stat_of(pid)[1:2] not in ([], ["Z"])
    return pid in parents()


def none_runs(pids: Sequence[int]) -> bool:
    return not any(is_running(pid) for pid in pids)
