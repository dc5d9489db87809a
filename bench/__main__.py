"""Runs benchmarks: every module of this package has `run()`, which yields (metric, value, goal or None)."""

import importlib
import pkgutil
import sys
from pathlib import Path

import django


def names() -> list[str]:
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if not module.name.startswith("_"))


def line(name: str, metric: str, value: float, goal: float | None) -> str:
    return f"{name} {metric} {value:.4g} {'-' if goal is None else f'{goal:g}'}"


def main(chosen: list[str]) -> int:
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    django.setup()
    for name in chosen or names():
        for metric, value, goal in importlib.import_module(f"bench.{name}").run():
            print(line(name, metric, value, goal), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
