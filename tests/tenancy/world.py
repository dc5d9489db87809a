"""Who asks, and what there is to be found: a bank that has done everything, and strangers who must not notice.

A new kind of thing that belongs to an organisation gets a deed: one function below, named in DEEDS. It is done with the
canary's words and figures in every field that the organisation fills in, and says what it made. From then on the thing
can be named in tests/tenancy/routes.py, and test_canary.py looks for its words everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client

from marketplace.change import change
from marketplace.journal.actor import SYSTEM
from marketplace.models import (
    ApiKey,
    Claim,
    Disruption,
    Entry,
    Event,
    LedgerEntry,
    MaintenanceWindow,
    Project,
    Projection,
)
from marketplace.outbox.addresses import Reach, parse
from marketplace.outbox.subscribing import create_endpoint, ping
from marketplace.parties.agreements import SigningAuthority
from marketplace.parties.budgets import open_cost_centre, set_budget
from marketplace.parties.chains import Step, set_chain
from marketplace.parties.models import ADMIN, APPROVER, BUYER, ROLES, SCOPES, VIEWER, User
from marketplace.screening.actions import register_end_customer
from marketplace.supply.providing import Said, enter_own_disruption, plan_own_maintenance, report_own_milestone
from marketplace.units import clock
from marketplace.units.money import Money
from pricing.demand.models import Enquiry
from pricing.models import PricePolicy, PriceVersion, Tape
from pricing.negotiation.actions import counter_quote
from pricing.negotiation.counters import Wish
from pricing.quotes.actions import release_quote, take_quote
from pricing.quotes.asked_together import RampNeed, parse_together
from pricing.quotes.bundling import take_bundle
from pricing.quotes.delays import WEATHER
from pricing.quotes.models import Quote
from pricing.quotes.need import Need, Range
from pricing.quotes.queries import known_names
from pricing.quotes.ramp_search import answer_ramp
from pricing.quotes.search import search
from reservations.allocation.announcing import Why, announce
from reservations.allocation.stating import confirm_cause, open_dispute, state_cause
from reservations.booking import plans as changes
from reservations.booking import states
from reservations.booking.actions import accept_quote
from reservations.booking.amendments import GROUNDS
from reservations.booking.assigning import consent_to_assignment, offer_assignment
from reservations.booking.changes import quote_change
from reservations.booking.feeds import open_feed
from reservations.booking.models import Reservation
from reservations.booking.waitlist.actions import join, parse_wish
from reservations.continuity.actions import save_scenario
from reservations.continuity.asked import parse_question
from reservations.continuity.holdings import known_places
from reservations.continuity.queries import work_out
from tests.market import PASSWORD, Market, Party, key, member, open_market, party, phase
from tests.tenancy.walking import Answer, Caller

# Words that are nobody else's, and a quantity that no page shows by chance.
CANARY = "canary-7f3a"
QUANTITY = 808
FIGURES = ("808",)


@dataclass(frozen=True)
class Thing:
    """Something of the bank's by its name in an address, and a name of the same shape that is nothing's."""

    name: str
    nothing: str


@dataclass
class World:
    market: Market
    affiliate: Party  # of the bank: the only other one that may know of anything, namely of what it is to take over
    things: dict[str, Thing] = field(default_factory=dict)
    figures: list[str] = field(default_factory=lambda: list(FIGURES))
    secrets: list[str] = field(default_factory=lambda: [CANARY])
    unnoticed: dict[tuple[str, str], Answer] = field(default_factory=dict)
    _clients: dict[str, Caller] = field(default_factory=dict)

    def add(self, kind: str, name: Any, nothing: str = "") -> None:
        """`nothing` is worked out where the name is a public id or a number."""
        name = str(name)
        shape = f"{name.split('_')[0]}_{'0' * 22}" if "_" in name else "987654321"
        self.things[kind] = Thing(name, nothing or shape)

    def person(self, user: User | None) -> Caller:
        name = user.email if user else "nobody"
        if name not in self._clients:
            client = Client(raise_request_exception=False)
            if user:
                client.force_login(user)
            self._clients[name] = Caller(name, client)
        return self._clients[name]

    def program(self, party: Party, *scopes: str) -> Caller:
        name = f"key of {party.organisation} for {', '.join(scopes) or 'nothing'}"
        if name not in self._clients:
            self._clients[name] = Caller(name, Client(raise_request_exception=False), key(party.organisation, *scopes))
        return self._clients[name]

    def owner(self, name: str) -> Party:
        """A party of the market by its name there: bank, seller."""
        found: Party = self.affiliate if name == "affiliate" else getattr(self.market, name)
        return found

    def at(self, party: Party, role: str) -> Caller:
        """The organisation's person of that role."""
        email = f"{role}@{party.organisation.name.split()[0].lower()}.example"
        if email not in self._clients:
            found = User.objects.filter(email=email).first()
            return self.person(found or member(party.organisation, email, role))
        return self._clients[email]

    def staff(self, permissions: str = "") -> Caller:
        """Somebody of the staff who has these permissions and no other; "root" has all."""
        email = f"{permissions or 'guest'}@headroom.test".replace("+", ".")
        if email not in self._clients:
            user = User.objects.create_user(
                email, PASSWORD, name="Staff", is_staff=True, is_superuser=permissions == "root"
            )
            for app, _, codename in (each.partition(".") for each in permissions.split("+") if "." in each):
                user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
            return self.person(user)
        return self._clients[email]

    @cached_property
    def strangers(self) -> list[Caller]:
        """Those who have nothing to do with what the bank did: a rival in every role, and another seller."""
        rival, seller = self.market.rival, self.market.other_seller
        people = [self.person(None), *(self.at(rival, role) for role, _ in ROLES), self.at(seller, ADMIN)]
        return [*people, self.program(rival, *SCOPES), self.program(seller, *SCOPES)]


def open_world() -> World:
    """The market before anybody did anything."""
    market = open_market()
    world = World(market, party("Bank Affiliate"))
    for each in (market.bank, market.rival, market.seller, market.other_seller, world.affiliate):
        for role in (VIEWER, ADMIN):
            world.at(each, role)
    project, projection = Project.objects.get(pool=market.h100), Projection.objects.latest("pk")
    world.add("pool", market.h100.public_id)
    world.add("pool_pk", market.h100.pk)
    world.add("project", project.public_id)
    world.add("project_pk", project.pk)
    world.add("projection", projection.public_id)
    world.add("projection_pk", projection.pk)
    provide(world)
    world.add("policy_pk", PricePolicy.objects.latest("pk").pk)
    world.add("day", market.day(30), str(market.day(30)))
    world.add("later", market.day(65), str(market.day(65)))
    world.add("word", "confirm", "confirm")
    world.add("kind", "extend", "extend")
    world.add("decision", "withdraw", "withdraw")
    world.add("act", "ready", "ready")
    world.add("question", "growth", "growth")
    world.add("verb", "disable", "disable")
    world.add("scenario_verb", "rename", "rename")
    world.add("error_code", "busy", "nothing")
    world.add("no_row", "987654321")
    world.add("no_page", "nothing/here/", "nothing/there/")
    world.add("app", "pricing", "pricing")
    return world


def provide(world: World) -> None:
    """What the seller reported of its own supply, before the bank did anything."""
    market, now = world.market, clock.now()
    seller, days = market.seller.organisation, {"starts": market.day(40), "ends": market.day(50)}
    common: dict[str, Any] = {"provider_id": seller.pk, "by": SYSTEM, "now": now}
    share = Decimal("0.75")
    disruption = enter_own_disruption(
        disruption=Disruption(kind="weather", pool=market.h100, usable_share=share, reason="Storm", **days), **common
    )
    window = plan_own_maintenance(
        window=MaintenanceWindow(pool=market.h100, usable_share=share, reason="Valves", **days), **common
    )
    said = Said("power", forecast=market.day(200))
    hall = phase(market.h100)  # not on the board, which shows its phases to everybody
    report = report_own_milestone(project=hall.public_id, said=said, **common).reports.get()
    world.add("disruption", disruption.public_id)
    world.add("maintenance", window.public_id)
    world.add("report_pk", report.pk)


def calendar(world: World) -> None:
    """The secret address of the bank's calendar: whoever knows it may read."""
    bank = world.market.bank.organisation
    _, secret = change.run(lambda: open_feed(organisation=bank, by=SYSTEM, now=clock.now()))
    world.add("calendar", secret, "cal_nothing")


def quotes(world: World) -> None:
    """A quote that is open, with a reference and metadata, and one that was released."""
    open_quote = take(world, "open")
    world.add("quote", open_quote.public_id)
    world.add("quote_pk", open_quote.pk)
    world.add("reference", open_quote.client_reference, "no-such-reference")
    world.figures += [f"{open_quote.total:.2f}", f"{open_quote.total:,.2f}", f"{open_quote.total:,.0f}"]
    gone = take(world, "gone")
    change.run(lambda: release_quote(public_id=gone.public_id, by=_buyer(world), organisation_id=gone.organisation_id))


def reservation(world: World) -> None:
    """A quote that became a reservation."""
    taken = take(world, "taken")
    made = change.run(
        lambda: accept_quote(public_id=taken.public_id, by=_buyer(world), organisation_id=taken.organisation_id)
    )
    world.add("reservation", made.public_id)
    world.add("reservation_pk", made.pk)
    world.add("taken_quote", taken.public_id)


def offer(world: World) -> None:
    """An offer to the bank: a token that is good for nobody else."""
    world.add("offer", offer_to_the_bank(world), "off_nothing")


def api_key(world: World) -> None:
    secret = key(world.market.bank.organisation, "read")
    made = ApiKey.objects.latest("pk")
    ApiKey.objects.filter(pk=made.pk).update(name=f"{CANARY} scheduler")
    world.add("api_key_pk", made.pk)
    world.secrets += [secret, made.prefix]


def records(world: World) -> None:
    """What the product itself wrote down about all this, by the numbers under which staff find it."""
    rows = {
        "event_pk": Event, "entry_pk": Entry, "claim_pk": Claim, "ledger_pk": LedgerEntry, "enquiry_pk": Enquiry,
        "price_version_pk": PriceVersion, "tape_pk": Tape,
    }  # fmt: skip
    for kind, model in rows.items():
        world.add(kind, model.objects.latest("pk").pk)  # type: ignore[attr-defined]
    world.add("event", Event.objects.filter(organisation_id=world.market.bank.organisation.pk).latest("pk").pk)
    world.add("organisation", world.market.bank.organisation.public_id)
    world.add("organisation_pk", world.market.bank.organisation.pk)
    world.add("member_pk", world.market.bank.buyer.pk)


def negotiation(world: World) -> None:
    """A counter-offer with a sentence of the buyer's."""
    quote, whose = take(world, "countered"), world.market.bank.organisation.pk
    wish = Wish(prepayment_percent=50, sentence=f"{CANARY} sentence")
    made = change.run(
        lambda: counter_quote(public_id=quote.public_id, wish=wish, by=_buyer(world), organisation_id=whose)
    )
    world.add("negotiation", made.public_id)
    world.add("negotiation_pk", made.pk)
    world.add("negotiated", quote.public_id)


def change_and_assignment(world: World) -> None:
    """An extension that is quoted, and an offer to hand the reservation over, of which the seller has to hear first."""
    whose, held = world.market.bank.organisation.pk, world.things["reservation"].name
    common = {
        "reservation": held,
        "by": _buyer(world),
        "organisation_id": whose,
        "roles": states.roles_of_member(BUYER),
    }
    wish = changes.Wish(states.EXTEND, end=world.market.day(62))
    quote = change.run(lambda: quote_change(wish=wish, **common))
    world.add("change", quote.public_id)
    receiver = world.affiliate.organisation.public_id
    grounds, note = GROUNDS[0][0], f"{CANARY} note"
    made = change.run(lambda: offer_assignment(receiver=receiver, grounds=grounds, note=note, **common))
    change.run(lambda: consent_to_assignment(assignment=made.public_id, agrees=True, reason="Known to us", by=SYSTEM))
    world.add("assignment", made.public_id)


def slip(world: World) -> None:
    """A remedy for the reservation, a cause that two people confirmed, and the bank's dispute about it."""
    market, whose, held = world.market, world.market.bank.organisation.pk, world.things["reservation"].name
    block, now = Reservation.objects.get(public_id=held), clock.now()
    why = Why(f"{CANARY} substation", f"{CANARY} bottleneck")
    remedy = change.run(lambda: announce(reservation=block, plan=None, proposed=(), why=why, now=now))
    world.add("remedy", remedy.public_id)
    world.add("choice", remedy.default.public_id)
    people = [world.staff("reservations.add_delaycause"), world.staff("reservations.change_delaycause")]
    stated, confirmed = (User.objects.get(email=each.name).as_actor(None) for each in people)
    cause = state_cause(
        kind=WEATHER, days=3, began=now.date(), notice_at=now, statement="Ice on the lines", evidence="Met office 12",
        site=market.h100.site, by=stated, now=now,
    )  # fmt: skip
    change.run(lambda: confirm_cause(cause=cause.public_id, by=confirmed))
    world.add("cause", cause.public_id)
    made = change.run(
        lambda: open_dispute(
            reservation=held, cause=cause.public_id, text=f"{CANARY} says no", by=_buyer(world),
            organisation_id=whose, roles=states.roles_of_member(BUYER),
        )
    )  # fmt: skip
    world.add("dispute", made.public_id)


def rules(world: World) -> None:
    """The bank's own rules: a cost centre with a budget, an approval chain; those whom it buys for; who may sign."""
    bank, now = world.market.bank.organisation, clock.now()
    centre = open_cost_centre(
        organisation=bank, code=f"{CANARY}-code", name=f"{CANARY} centre", period="year", by=SYSTEM, now=now
    )
    for year in (now.year, now.year + 1):
        set_budget(cost_centre=centre, start=date(year, 1, 1), amount=BUDGET, by=SYSTEM, now=now)
    world.add("cost_centre", centre.public_id)
    chain = set_chain(organisation=bank, above=Money(Decimal(1)), steps=[Step(role=APPROVER)], by=SYSTEM, now=now)
    world.add("chain", chain.public_id)
    customer = register_end_customer(organisation=bank, name=f"{CANARY} customer", country="DE", by=SYSTEM, now=now)
    world.add("end_customer", customer.public_id)
    world.add("authority", SigningAuthority.objects.filter(agreement__organisation=bank).latest("pk").public_id)
    world.figures += [f"{BUDGET:,.2f}", f"{BUDGET:.2f}", f"{BUDGET:,.0f}"]


def request(world: World) -> None:
    """A purchase that waits for an approval, with a number of the bank's own on it."""
    taken, whose = take(world, "asked"), world.market.bank.organisation.pk
    centre = world.things["cost_centre"].name
    made = change.run(
        lambda: accept_quote(
            public_id=taken.public_id,
            by=_buyer(world),
            organisation_id=whose,
            cost_centre=centre,
            purchase_order=f"{CANARY}-PO",
        )
    )
    world.add("request", made.public_id)


def bundle(world: World) -> None:
    """A ramp: two quotes that are one thing."""
    market, bank, now = world.market, world.market.bank, clock.now()
    steps = [
        {"from": market.day(100).isoformat(), "quantity": 8},
        {"from": market.day(110).isoformat(), "quantity": 16},
    ]
    body = {
        "ramp": {"steps": steps, "end_exclusive": market.day(120).isoformat()},
        "firmness": "firm",
        "accelerators": ["h100"],
    }
    asked = parse_together(body, today=now.date(), known=known_names())
    assert isinstance(asked, RampNeed)
    token = answer_ramp(asked=asked, organisation_id=bank.organisation.pk, now=now).offers[0].id
    made = change.run(
        lambda: take_bundle(
            offer=token,
            organisation=bank.organisation,
            by=_buyer(world),
            client_reference=f"{CANARY}-bundle",
            metadata={f"{CANARY}-name": f"{CANARY}-value"},
        )
    )
    world.add("bundle", made.public_id)
    world.add("bundle_pk", made.pk)
    world.add("bundle_reference", made.client_reference, "no-such-reference")


def waitlist(world: World) -> None:
    """A wish that stands, with the most that the bank would pay."""
    now, whose = clock.now(), world.market.bank.organisation.pk
    body = world.market.need(quantity=QUANTITY) | {"max_unit_price": CEILING}
    need, ceiling = parse_wish(body, now=now, known=known_names())
    made = change.run(lambda: join(need=need, max_unit_price=ceiling, by=_buyer(world), organisation_id=whose))
    world.add("wish", made.public_id)
    world.add("wish_pk", made.pk)
    world.figures.append(CEILING)


def scenarios(world: World) -> None:
    """Two questions about the bank's own portfolio, kept for the organisation, and one that is its author's alone."""
    bank, now = world.market.bank.organisation, clock.now()
    body = {"factor": "2", "from": world.market.day(40).isoformat(), "firmness": "standby"}
    asked = parse_question("growth", body, today=now.date(), known=known_places())
    answer = work_out(question=asked, organisation_id=bank.pk, now=now)
    for kind, seen_by in (("scenario", "organisation"), ("other_scenario", "organisation"), ("private_one", "private")):
        made = change.run(
            partial(
                save_scenario,
                name=f"{CANARY} {kind}",
                visibility=seen_by,
                answer=answer,
                organisation=bank,
                by=_buyer(world),
            )
        )
        world.add(kind, made.public_id, f"scn_{len(kind) * 'n':0>22}")
        world.add(f"{kind}_pk", made.pk)


def webhook(world: World) -> None:
    """An endpoint, and an event that is on its way to it. Its address leads nowhere: nothing is sent in these tests."""
    bank, now = world.market.bank.organisation, clock.now()
    url = f"https://hooks.example/{CANARY}"
    target = parse(url, reach=Reach())
    made = change.run(
        lambda: create_endpoint(
            organisation_id=bank.pk, target=target, description=f"{CANARY} hook", by=SYSTEM, now=now
        )
    )
    delivery = change.run(lambda: ping(endpoint=made.endpoint, by=SYSTEM, now=now))
    world.add("webhook", made.endpoint.public_id)
    world.add("webhook_pk", made.endpoint.pk)
    world.add("webhook_delivery", delivery.public_id)
    world.add("webhook_delivery_pk", delivery.pk)
    world.secrets.append(made.secret)


CEILING = "0.4713"
BUDGET = Decimal("99117733.00")
DEEDS: list[Callable[[World], None]] = [
    quotes,
    reservation,
    offer,
    api_key,
    calendar,
    negotiation,
    slip,
    change_and_assignment,
    rules,
    request,
    bundle,
    waitlist,
    scenarios,
    webhook,
    records,
]


def _buyer(world: World) -> Any:
    return world.market.bank.buyer.as_actor(world.market.bank.organisation.pk)


def offer_to_the_bank(world: World) -> str:
    market, now = world.market, clock.now()
    day = now.date() + timedelta(days=30)
    need = Need(Range(QUANTITY, QUANTITY), Range(30, 30), day, day, "standby", accelerators=("h100",))
    found = search(need=need, organisation_id=market.bank.organisation.pk, now=now)
    assert found.offers, found.refusal
    return found.offers[0].id


def take(world: World, what: str) -> Quote:
    """The bank's quote, with the canary wherever a buyer may write something."""
    token, bank = offer_to_the_bank(world), world.market.bank
    return change.run(
        lambda: take_quote(
            offer=token,
            organisation=bank.organisation,
            by=_buyer(world),
            client_reference=f"{CANARY}-{what}",
            metadata={f"{CANARY}-name": f"{CANARY}-value"},
        )
    )
