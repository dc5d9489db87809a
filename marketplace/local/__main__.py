"""The launcher behind ./headroom."""

import argparse
import sys

from marketplace.local import benchmarks, checks, demo, management, only_servers
from marketplace.local.says import CannotStart, say

TEST = """\
Arguments that the launcher does not know go to pytest. Without any, or with options only (-x, -v, -n 4), every check
(ruff, import-linter, mypy, migrations) and the whole suite run, on two workers. A path, a test's id, -k or -m asks
for some tests: then the checks are left out, and the last line says so.
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="./headroom", description="Headroom on this machine, with nothing installed.")
    commands = top.add_subparsers(dest="command", required=True)
    one = commands.add_parser("demo", help="the demo market: web, worker and beat, until Ctrl-C")
    one.add_argument("--reset", action="store_true", help="start over with an empty database")
    one.add_argument("--once", action="store_true", help="walk from a need to a reservation over REST, then stop")
    one.add_argument("--port", type=int, help="the web's port (else the first free one from 8300 on)")
    two = commands.add_parser("test", help="every check and the whole suite", epilog=TEST, allow_abbrev=False)
    two.add_argument("--no-browser", action="store_true", help="leave the browser tests out (refused in CI)")
    three = commands.add_parser("bench", help="benchmarks: NAME metric value goal")
    three.add_argument("names", nargs="*", metavar="NAME")
    commands.add_parser("manage", help="any management command, on the demo's servers", add_help=False)
    commands.add_parser("servers", help="the demo's PostgreSQL and Valkey alone, until Ctrl-C")
    commands.add_parser("lock", help="resolve the lock files anew (arguments go to uv: --upgrade)")
    return top


def run(arguments: list[str]) -> int:
    if arguments[:1] == ["manage"]:  # its options are Django's, --help included
        return management.manage(arguments[1:])
    options, rest = parser().parse_known_args(arguments)
    if options.command == "test":
        return checks.test(checks.Options(with_browser=not options.no_browser, pytest=rest))
    if rest:
        parser().error(f"unrecognized arguments: {' '.join(rest)}")
    if options.command == "servers":
        return only_servers.keep()
    if options.command == "bench":
        return benchmarks.bench(options.names)
    return demo.demo(demo.Options(reset=options.reset, once=options.once, port=options.port))


def main() -> int:
    try:
        return run(sys.argv[1:])
    except CannotStart as error:
        say(f"headroom: {error}", to=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
