"""Tables, static files and the demo market in one process: each start of Django costs a second or two."""

import argparse
import sys

import django
from django.core.management import call_command

from marketplace.local.says import step


def prepare(*, static: bool, market: bool, web: str, signins: str) -> None:
    django.setup()
    with step("tables"):
        call_command("migrate", interactive=False, verbosity=0)
    if static:
        with step("static files"):
            call_command("collectstatic", interactive=False, verbosity=0)
    if market:
        with step("demo market (build-out, projection, prices, invented demand)"):
            call_command("demo_market", json=signins, web=web, stdout=sys.stderr)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="prepare", description=__doc__)
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--market", action="store_true")
    parser.add_argument("--web", default="")
    parser.add_argument("--signins", default="")
    prepare(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
