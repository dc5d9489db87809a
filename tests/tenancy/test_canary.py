"""A canary's words and figures in all that the bank wrote or agreed: nobody else, no log and no error page sings.

What is new and belongs to an organisation gets a deed in tests/tenancy/world.py; everything below follows from there.
"""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from marketplace.parties.models import ADMIN, SCOPES
from tests.tenancy.routes import ROUTES
from tests.tenancy.test_every_route import ask
from tests.tenancy.walking import Answer, Caller
from tests.tenancy.world import CANARY, World, offer_to_the_bank


def sings(world: World, text: str, *, figures: bool = True) -> list[str]:
    """What of the bank's can be read in it; a figure counts where it stands by itself."""
    words = [word for word in world.secrets if word in text]
    found = [each for each in world.figures if re.search(rf"(?<![\w.,]){re.escape(each)}(?![\w]|[.,]\d)", text)]
    return words + (found if figures else [])


@contextmanager
def log() -> Iterator[io.StringIO]:
    """Everything that the product logs meanwhile, as its own formatter writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    line = dict(settings.LOGGING["formatters"]["line"])  # type: ignore[index]
    handler.setFormatter(import_string(line.pop("class"))(line["format"]))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield written
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def answers(world: World, caller: Caller, *kinds: str) -> Iterator[tuple[str, Answer]]:
    """What the caller hears wherever it knocks, though it knows every id of the bank's."""
    for route, row in ROUTES.items():
        for method in row.who if row.kind in kinds and not row.fixed else ():
            yield f"{method} {route}", ask(world, caller, method, route)


def others(world: World) -> Iterator[tuple[Caller, tuple[str, ...]]]:
    """Those who could hear something, and at what kinds of address."""
    rival, seller = world.market.rival, world.market.other_seller
    yield world.person(None), ("page", "door")
    for party in (rival, seller):
        yield world.at(party, ADMIN), ("page",)
        yield world.program(party, *SCOPES), ("door",)
    yield world.staff(), ("page",)
    yield world.staff("marketplace.view_accelerator"), ("staff",)


def test_nobody_else_hears_of_it_and_neither_does_the_log(world: World) -> None:
    with log() as written:
        for caller, kinds in others(world):
            for where, answer in answers(world, caller, *kinds):
                said = answer.body.decode(errors="replace") + str(answer.headers)
                assert sings(world, said) == [], (caller.name, where)
    assert "WARNING" in written.getvalue(), "nothing was logged: then this proves nothing"
    assert sings(world, written.getvalue()) == []


def test_the_seller_whose_pool_it_is_reads_nothing_that_the_bank_wrote(world: World) -> None:
    seller = world.market.seller
    for caller, kind in ((world.at(seller, ADMIN), "page"), (world.program(seller, *SCOPES), "door")):
        for where, answer in answers(world, caller, kind):
            assert sings(world, answer.body.decode(errors="replace"), figures=False) == [], (caller.name, where)


def test_the_canary_is_there_for_those_whose_it_is(world: World) -> None:
    """Without this, a canary that is never written down would prove nothing."""
    bank = world.market.bank
    whose = {"page": world.at(bank, ADMIN), "door": world.program(bank, *SCOPES), "staff": world.staff("root")}
    for expected, routes in ((CANARY, WORDS_AT), ("808", FIGURES_AT)):
        for route in routes:
            heard = ask(world, whose[ROUTES[route].kind], "GET", route).body.decode()
            assert expected in heard, route


WORDS_AT = (
    "organisation/",
    "api/v1/quotes",
    "api/v1/quotes/<slug:public_id>",
    "api/v1/reservations/<slug:public_id>",
    "admin/marketplace/apikey/",
)
FIGURES_AT = ("quotes/<str:public_id>/", "reservations/", "reservations.csv", "api/v1/quotes", "admin/pricing/quote/")
BROKEN = {
    "a row that is refused": "ALTER TABLE pricing_quote ADD CONSTRAINT broken CHECK (id < 0) NOT VALID",
    "a column that is gone": "ALTER TABLE pricing_quote RENAME COLUMN client_reference TO gone",
    "a table that is gone": "ALTER TABLE marketplace_event RENAME TO gone",
}


@pytest.mark.parametrize("how", BROKEN)
def test_neither_an_error_page_nor_its_log_repeats_what_was_in_hand(world: World, how: str) -> None:
    bank = world.market.bank
    body = {"offer": offer_to_the_bank(world), "client_reference": f"{CANARY}-new", "metadata": {CANARY: CANARY}}
    with log() as written, transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(BROKEN[how])
        failed = world.program(bank, *SCOPES).ask("POST", "/api/v1/quotes", body)
        page = world.at(bank, ADMIN).ask("POST", "/capacity/quote/", {"offer": body["offer"]})
        transaction.set_rollback(True)
    assert (failed.status, page.status) == (500, 500)
    assert sings(world, failed.body.decode()) == sings(world, page.body.decode()) == []
    assert "Traceback" in written.getvalue()
    assert sings(world, written.getvalue()) == []
