"""One world for all tests of a module: every request is rolled back, so that each finds it as the others did."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from marketplace.units import clock
from tests.tenancy.walking import Answer
from tests.tenancy.world import DEEDS, World, open_world


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """pytest-django's fixture of this name is for one test; here one transaction is for a whole module."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def world(db: None) -> Iterator[World]:
    """The bank has done everything. The clock stands still, so that no answer differs because time passed."""
    with clock.frozen(clock.now()):
        world = open_world()
        world.unnoticed = listen(world)
        for deed in DEEDS:
            deed(world)
        yield world


def listen(world: World) -> dict[tuple[str, str], Answer]:
    """What strangers are answered wherever they look."""
    from tests.tenancy.test_every_route import addresses_to_look_at

    return {
        (stranger.name, path): stranger.ask("GET", path)
        for stranger in world.strangers
        for path in addresses_to_look_at()
    }
