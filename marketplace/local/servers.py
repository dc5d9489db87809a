"""The two servers of a clone, or those that the environment names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from marketplace.local import postgres, valkey
from marketplace.local.family import Family
from marketplace.local.home import ROOT, Home
from marketplace.local.says import CannotStart


@dataclass(frozen=True)
class Addresses:
    database_url: str
    broker_url: str


def given() -> Addresses | None:
    """The servers named by DATABASE_URL and CELERY_BROKER_URL; they are used as they are, and never stopped."""
    database, broker = os.environ.get("DATABASE_URL"), os.environ.get("CELERY_BROKER_URL")
    if database and broker:
        return Addresses(database, broker)
    if database or broker:
        raise CannotStart("set both DATABASE_URL and CELERY_BROKER_URL, or neither.")
    return None


def embedded(home: Home) -> Addresses:
    return Addresses(postgres.url(home), valkey.url(home))


def start(family: Family, home: Home, settings: Mapping[str, str]) -> None:
    """Starts both at once and makes the database where there is none."""
    database = family.add(postgres.start(home, settings))
    broker = family.add(valkey.start(home))
    valkey.wait(home, broker)
    postgres.wait(home, database)
    postgres.make_database(home)


def environment(home: Home, addresses: Addresses) -> dict[str, str]:
    """What Django's processes of this clone are told."""
    return os.environ | {
        "DATABASE_URL": addresses.database_url,
        "CELERY_BROKER_URL": addresses.broker_url,
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
        "HEADROOM_LOCAL": "1",
        "HEADROOM_STATIC_ROOT": str(home.path / "static"),
        "PYTHONPATH": str(ROOT),
    }
