"""Tenants are walls, at every address: the table in routes.py against what Django's resolver knows.

Each request runs against the same world and is rolled back, and the statements that it makes are watched: who is
refused has written nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.test import Client

from marketplace.parties.models import ROLES, SCOPES
from tests.tenancy.routes import HOW_TO_ADD, ROUTES, Row, example_for
from tests.tenancy.walking import METHODS, PARAMETER, Answer, Caller, address, routes
from tests.tenancy.world import Thing, World

NESTED = {
    "member": ("viewer", "buyer", "approver", "admin"),
    "person": ("viewer", "buyer", "approver", "admin"),
    "buyer": ("buyer", "approver", "admin"),
    "approver": ("approver", "admin"),
    "admin": ("admin",),
}  # fmt: skip
STAFF = [route for route in ROUTES if ROUTES[route].kind == "staff"]
PAGES = [route for route in ROUTES if ROUTES[route].kind == "page"]
DOORS = [route for route in ROUTES if ROUTES[route].kind == "door"]


def test_every_route_has_a_line_and_every_line_a_route() -> None:
    known = routes()
    missing = [HOW_TO_ADD.format(route=route, example=example_for(route)) for route in known if route not in ROUTES]
    assert not missing, "".join(missing)
    assert [route for route in ROUTES if route not in known] == [], "remove these lines: nothing is there any more"


def addresses_to_look_at() -> list[str]:
    """Addresses that are about nothing in particular and that can be looked at."""
    return [
        address(route, ())
        for route, row in ROUTES.items()
        if "GET" in row.who and row.kind != "staff" and not row.fixed and not PARAMETER.search(route)
    ]


def named(world: World, names: tuple[str, ...], *, real: bool) -> tuple[str, ...]:
    things = [world.things[name] for name in names]
    return tuple(thing.name if real else thing.nothing for thing in things)


def filled(sends: Mapping[str, Any], world: World, *, real: bool) -> dict[str, Any]:
    """The query or body with the things that it names."""
    names = {name: thing.name if real else thing.nothing for name, thing in world.things.items()}
    return {key: _filled(value, names) for key, value in sends.items()}


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(each, names) for key, each in value.items()}
    return value.format(**names) if isinstance(value, str) else value


def words(world: World, row: Row) -> tuple[str, ...]:
    """Both names of everything that the address is about or told of, the longest first."""
    told = [name for name, thing in world.things.items() if f"{{{name}}}" in f"{row.asks} {row.sends}"]
    found = {word for name in (*row.about, *told) for word in _both(world.things[name])}
    return tuple(sorted(found, key=len, reverse=True))


def names_something(world: World, told: Mapping[str, Any]) -> bool:
    """Whether a query or a body names a thing that somebody may have, rather than a day or a word."""
    return any(f"{{{name}}}" in str(told) for name, thing in world.things.items() if thing.name != thing.nothing)


def _both(thing: Thing) -> tuple[str, str]:
    return thing.name, thing.nothing


def ask(
    world: World, caller: Caller, method: str, route: str, *, real: bool = True, without: tuple[str, ...] = ()
) -> Answer:
    row = ROUTES[route]
    path = address(route, named(world, row.about, real=real))
    sent = filled(row.asks if method == "GET" else row.sends, world, real=real)
    answer = caller.ask(method, path, sent, without=without)
    assert answer.status < 500, (route, method, caller.name)
    return answer


def is_sent_to_sign_in(answer: Answer) -> bool:
    return answer.status == 302 and answer.location.partition("?")[0] in ("/sign-in/", "/admin/login/")


def is_let_in(answer: Answer) -> bool:
    """Past the door: what stands behind it may still refuse the particular wish, in words."""
    return answer.status in (200, 201, 204, 302, 400, 409, 422) and not is_sent_to_sign_in(answer)


def refusal(answer: Answer) -> int | str:
    """How somebody was refused; or that they were not, or that something was done all the same."""
    if is_sent_to_sign_in(answer):
        status: int | str = "sign in"
    else:
        status = answer.status
    return f"{status}, but wrote {answer.writes[0][:80]}" if answer.writes else status


@pytest.mark.parametrize("route", PAGES)
def test_a_page_is_for_those_whom_its_line_names(world: World, route: str) -> None:
    row = ROUTES[route]
    for method, who in row.who.items():
        for role, _ in ROLES if not row.fixed else ROLES[:1]:
            answer = ask(world, world.at(world.owner(row.of), role), method, route)
            if who == "everybody" or role in NESTED[who]:
                assert is_let_in(answer), (method, role, answer.status, answer.body[:300])
            else:
                assert refusal(answer) == 403, (method, role)
        anonymous = ask(world, world.person(None), method, route)
        assert is_let_in(anonymous) if who == "everybody" else refusal(anonymous) == "sign in", (method, anonymous)
        guest = ask(world, world.staff(), method, route)
        assert is_let_in(guest) if who in ("everybody", "person") else refusal(guest) == 403, (method, "staff")


@pytest.mark.parametrize("route", DOORS)
def test_a_door_opens_for_the_scope_that_its_line_names(world: World, route: str) -> None:
    owner = world.owner(ROUTES[route].of)
    for method, who in ROUTES[route].who.items():
        for scope in SCOPES:
            if scope != who:
                assert refusal(ask(world, world.program(owner, scope), method, route)) == 403, (method, scope)
        answer = ask(world, world.program(owner, *who.split("+")), method, route)
        assert is_let_in(answer), (method, answer.status, answer.body[:300])
        assert refusal(ask(world, world.person(None), method, route)) == 401, method
        assert refusal(ask(world, world.at(owner, "admin"), method, route)) == 401, "a session is no key"


@pytest.mark.parametrize("route", STAFF)
def test_a_page_of_the_admin_is_for_staff_with_its_permission(world: World, route: str) -> None:
    for method, who in ROUTES[route].who.items():
        for customer in (
            world.person(None),
            world.at(world.market.bank, "admin"),
            world.at(world.market.seller, "admin"),
        ):
            assert refusal(ask(world, customer, method, route)) == "sign in", (method, customer.name)
        guest = ask(world, world.staff(), method, route)
        assert is_let_in(guest) if who == "staff" else refusal(guest) in (403, 404, 405), (method, guest.status)
        permitted = ask(world, world.staff(who), method, route) if "." in who else guest
        if "." in who and "no_row" not in ROUTES[route].about:
            assert is_let_in(permitted), (method, who, permitted.status)
        if who == "nobody":
            assert refusal(ask(world, world.staff("root"), method, route)) in (403, 404, 405), method


def about_the_banks() -> Iterator[str]:
    for route, row in ROUTES.items():
        if (row.about or row.asks or row.sends) and not row.shared and set(row.about) != {"no_row"}:
            yield route


@pytest.mark.parametrize("route", [*about_the_banks()])
def test_what_is_anothers_answers_as_if_it_did_not_exist(world: World, route: str) -> None:
    row = ROUTES[route]
    strangers = [world.at(world.market.rival, "admin"), world.staff()] if row.kind == "staff" else world.strangers
    for method in row.who:
        told = row.asks if method == "GET" else row.sends
        for stranger in strangers if row.about or names_something(world, told) else ():
            theirs, nothing = (
                ask(world, stranger, method, route, real=real, without=words(world, row)) for real in (True, False)
            )
            assert theirs == nothing, (method, stranger.name)
            if row.about and row.kind != "staff":
                assert theirs.status in (302, 401, 403, 404), (method, stranger.name, theirs.status)
                assert theirs.writes == (), (method, stranger.name)


@pytest.mark.parametrize("route", ROUTES)
def test_a_method_without_a_word_in_the_line_does_nothing(world: World, route: str) -> None:
    row, market = ROUTES[route], world.market
    caller = {
        "page": lambda: world.person(None) if "everybody" in row.who.values() else world.at(market.bank, "admin"),
        "door": lambda: world.program(market.bank, *SCOPES),
        "staff": lambda: world.staff("root"),
    }[row.kind]()
    for method in METHODS if not route.startswith("admin/") else ("GET", "POST"):
        if method not in row.who:
            answer = ask(world, caller, method, route)
            assert answer.writes == (), method
            assert route.startswith("admin/") or answer.status in (404, 405), (method, answer.status)


def test_nobody_else_notices_what_the_bank_did(world: World) -> None:
    """Every list, page and feed answers strangers as it did before, to the byte."""
    for (name, path), before in world.unnoticed.items():
        caller = next(each for each in world.strangers if each.name == name)
        assert caller.ask("GET", path) == before, (name, path)


@pytest.mark.parametrize("route", [*PAGES, *STAFF])
def test_a_form_from_another_site_is_refused(world: World, route: str) -> None:
    row = ROUTES[route]
    if "POST" not in row.who:
        return
    from marketplace.models import User

    who = "root@headroom.test" if row.kind == "staff" else world.market.bank.buyer.email
    world.staff("root")
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(User.objects.get(email=who))
    answer = ask(world, Caller("forged", client), "POST", route)
    assert refusal(answer) == 403
