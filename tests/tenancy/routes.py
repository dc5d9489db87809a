"""Who may do what at every address of the product: ONE LINE A ROUTE. A route without a line fails the suite.

`"the/pattern/<as:django>/spells/it/": kind(about, METHOD=who)`. A method that is not named is refused to everybody.

kind      who may be (each later word includes what stands before it where roles are nested)
page      everybody | person (signed in) | member | buyer | approver | admin: roles of the organisation
door      everybody | a scope of the key: read, quote, commit, supply, usage, admin
staff     staff (any) | "app.permission" ("+" between several) | nobody
table     an admin table: which of view, add, change its staff may do, by permission; deleting is never among them

`about` names what the address is about, in the order of its parameters, by a name that tests/tenancy/world.py gave it:
it is the bank's, and everybody else must be answered word for word as about something that does not exist. `asks` is
a query and `sends` a body in which "{name}" stands for such a thing: an address that is told ids there must not tell
whether they exist either. Where the thing is another party's than the bank's: `of="seller"`; where it is the market's
and everybody may see it: `shared=True`. `fixed=True` is a page that never differs, whoever looks, and when.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    kind: str
    who: Mapping[str, str]
    about: tuple[str, ...] = ()
    asks: Mapping[str, Any] = field(default_factory=dict)
    sends: Mapping[str, Any] = field(default_factory=dict)
    shared: bool = False
    of: str = "bank"
    fixed: bool = False


def page(*about: str, **rest: Any) -> Row:
    return _row("page", about, rest)


def door(*about: str, **rest: Any) -> Row:
    return _row("door", about, rest)


def staff(*about: str, **rest: Any) -> Row:
    return _row("staff", about, rest)


def _row(kind: str, about: tuple[str, ...], rest: dict[str, Any]) -> Row:
    who = {name: value for name, value in rest.items() if name.isupper()}
    return Row(kind, who, about, **{name: value for name, value in rest.items() if name not in who})


def table(model: str, may: str, about: str = "") -> Iterator[tuple[str, Row]]:
    """The addresses that Django's admin gives a table."""
    app, name = model.split(".")
    base, row = f"admin/{app}/{name}/", (about or "no_row",)
    can = {verb: f"{app}.{verb}_{name}" if verb in may.split() else "nobody" for verb in ("view", "add", "change")}
    yield base, staff(GET=can["view"], POST=can["view"])
    yield f"{base}add/", staff(GET=can["add"], POST=can["add"])
    yield f"{base}<path:object_id>/history/", staff(*row, GET=can["view"])
    yield f"{base}<path:object_id>/delete/", staff(*row, GET="nobody", POST="nobody")
    yield f"{base}<path:object_id>/change/", staff(*row, GET=can["view"], POST=can["change"])
    yield f"{base}<path:object_id>/", staff(*row, GET="staff")


NEED = {
    "accelerators": ["h100"],
    "quantity": 64,
    "duration_days": 30,
    "start": {"from": "{day}", "to": "{day}"},
    "firmness": "standby",
}
WISH = {"accelerator": "h100", "quantity": 64, "days": 30, "start": "{day}", "firmness": "standby", "flexibility": 7}
ROUTES: dict[str, Row] = {
    # Pages
    "": page(GET="everybody"),
    "health/": page(GET="everybody", fixed=True),
    "sign-in/": page(GET="everybody", POST="everybody"),
    "sign-out/": page(POST="everybody"),
    "calibration/": page(GET="everybody"),
    "errors/<slug:code>/": page("error_code", GET="everybody", fixed=True, shared=True),
    "organisation/": page(GET="member", POST="admin", sends={"revoke": "{api_key_pk}"}),
    "organisation/choose/": page(POST="member", sends={"organisation": "{organisation}"}),
    "organisation/spending/": page(GET="member"),
    "organisation/spending/cost-centres/": page(POST="admin"),
    "organisation/spending/cost-centres/<slug:public_id>/close/": page("cost_centre", POST="admin"),
    "organisation/spending/cost-centres/<slug:public_id>/budgets/": page("cost_centre", POST="admin"),
    "organisation/spending/chains/": page(POST="admin"),
    "organisation/spending/chains/<slug:public_id>/withdraw/": page("chain", POST="admin"),
    "organisation/signing/": page(GET="member"),
    "organisation/signing/authorities/": page(POST="admin"),
    "organisation/signing/authorities/<slug:public_id>/revoke/": page("authority", POST="admin"),
    "organisation/signing/end-customers/": page(POST="buyer"),
    "organisation/signing/end-customers/<slug:public_id>/archive/": page("end_customer", POST="admin"),
    "organisation/webhooks/": page(GET="admin", POST="admin"),
    "organisation/webhooks/deliveries/<slug:public_id>/again/": page("webhook_delivery", POST="admin"),
    "organisation/webhooks/<slug:public_id>/": page("webhook", GET="admin"),
    "organisation/webhooks/<slug:public_id>/<slug:verb>/": page("webhook", "verb", POST="admin"),
    "capacity/": page(GET="member", asks=WISH),
    "capacity.csv": page(GET="member"),
    "capacity/quote/": page(POST="buyer", sends={"offer": "{offer}"}),
    "selling/": page(GET="member"),
    "selling/demand/": page(GET="member"),
    "selling/build-out/": page(GET="member"),
    "selling/build-out/report/": page(POST="buyer", sends={"project": "{project}", "kind": "power"}),
    "selling/build-out/file/": page(POST="buyer", sends={"text": "project,kind,forecast\n{project},power,{day}\n"}),
    "selling/build-out/disclosure/": page(POST="admin"),
    "quotes/": page(GET="member"),
    "quotes/<str:public_id>/": page("quote", GET="member"),
    "quotes/<str:public_id>/release/": page("quote", POST="buyer"),
    "quotes/<str:public_id>/accept/": page("quote", POST="buyer"),
    "quotes/<str:public_id>/counter/": page("quote", POST="buyer", sends={"total": "1", "sentence": "no"}),
    "quotes/<str:public_id>/hold/": page("quote", POST="buyer", sends={"days": "3", "fee": "100000"}),
    "negotiations/<str:public_id>/take/": page("negotiation", POST="buyer", sends={"trade": "trd_1"}),
    "negotiations/<str:public_id>/insist/": page("negotiation", POST="buyer", sends={"sentence": "please"}),
    "negotiations/<str:public_id>/reply/": page("negotiation", POST="buyer", sends={"sentence": "please"}),
    "negotiations/<str:public_id>/withdraw/": page("negotiation", POST="buyer"),
    "approvals/": page(GET="member"),
    "continuity/": page(GET="member"),
    "continuity/scenarios/": page(POST="buyer", sends={"question": "growth", "name": "X", "asked": "factor=2"}),
    "continuity/compare/": page(GET="member", asks={"scenario": "{scenario}"}),
    "continuity/scenarios/<str:public_id>/": page("scenario", GET="member"),
    "continuity/scenarios/<str:public_id>/export.csv": page("scenario", GET="member"),
    "continuity/scenarios/<str:public_id>/<str:verb>/": page(
        "scenario", "scenario_verb", POST="buyer", sends={"name": "X"}
    ),
    "continuity/<slug:question>.csv": page("question", GET="member", shared=True),
    "continuity/<slug:question>/": page("question", GET="member", shared=True),
    "reservations/<str:public_id>/approve/": page("request", POST="buyer"),
    "reservations/<str:public_id>/decline/": page("request", POST="buyer", sends={"reason": "not this year"}),
    "reservations/<str:public_id>/withdraw/": page("request", POST="buyer"),
    "reservations/<str:public_id>/order-form/": page("reservation", GET="member"),
    "reservations/<str:public_id>/delivery/results/": page(
        "reservation", POST="buyer", sends={"results": "fabric,collective_gb_s,360"}
    ),
    "reservations/<str:public_id>/delivery/accept/": page("reservation", POST="buyer"),
    "reservations/<str:public_id>/delivery/reject/": page("reservation", POST="buyer", sends={"reason": "too slow"}),
    "reservations/<str:public_id>/delivery.csv": page("reservation", GET="member"),
    "selling/deliveries/": page(GET="member"),
    "selling/deliveries/<str:public_id>/": page("reservation", GET="member", of="seller"),
    "selling/deliveries/<str:public_id>/<str:act>/": page(
        "reservation", "act", POST="buyer", of="seller", sends={"ready_on": "{day}"}
    ),
    "reservations/<str:public_id>/accept-delivery/": page("reservation", POST="buyer"),
    "reservations/<str:public_id>/assign/": page("reservation", GET="member", POST="buyer"),
    "reservations/<str:public_id>/change/<str:kind>/": page("reservation", "kind", GET="member", POST="buyer"),
    "changes/<str:public_id>/": page("change", GET="member"),
    "assignments/": page(GET="member"),
    "assignments/<str:public_id>/<str:decision>/": page("assignment", "decision", POST="buyer"),
    "reservations/<str:public_id>/dispute/": page(
        "reservation", POST="buyer", sends={"cause": "{cause}", "text": "no"}
    ),
    "reservations/<str:public_id>/leave/": page("reservation", POST="buyer"),
    "remedies/<str:public_id>/choose/": page("remedy", POST="buyer", sends={"choice": "{choice}"}),
    "disputes/<str:public_id>/": page("dispute", GET="member", POST="buyer", sends={"text": "and more"}),
    "capacity/together/": page(GET="member"),
    "capacity/ramp/": page(GET="member"),
    "bundles/": page(GET="member"),
    "bundles/<str:public_id>/": page("bundle", GET="member"),
    "bundles/<str:public_id>/release/": page("bundle", POST="buyer"),
    "bundles/<str:public_id>/accept/": page("bundle", POST="buyer"),
    "waitlist/": page(GET="member"),
    "waitlist/join/": page(POST="buyer"),
    "waitlist/<str:public_id>/withdraw/": page("wish", POST="buyer"),
    "reservations/": page(GET="member"),
    "reservations.csv": page(GET="member"),
    "reservations/energy/": page(GET="member"),
    "energy.csv": page(GET="member"),
    "everything.csv": page(GET="member"),
    "billing/": page(GET="member"),
    "billing.csv": page(GET="member"),
    "calendar/": page(GET="member", POST="buyer"),
    "calendar/<slug:secret>.ics": page("calendar", GET="everybody", shared=True, fixed=True),  # the address is the key
    "reservations/<str:public_id>/": page("reservation", GET="member"),
    # REST
    "api/schema/": page(GET="everybody", fixed=True),
    "api/docs/": page(GET="everybody", fixed=True),
    "api/v1/accelerators": door(GET="read"),
    "api/v1/sites": door(GET="read"),
    "api/v1/pools": door(GET="read"),
    "api/v1/events": door(GET="read", asks={"after": "{event}"}),
    "api/v1/calibration": door(GET="read"),
    "api/v1/promises": door(GET="read"),
    "api/v1/exposure": door(GET="read"),
    "api/v1/supply": door(GET="read", asks={"pool": "{pool}"}, shared=True),
    "api/v1/headroom": door(GET="read", asks={"pool": "{pool}"}, shared=True),
    "api/v1/prices": door(GET="read", asks={"pool": "{pool}"}, shared=True),
    "api/v1/demand": door(GET="read"),
    "api/v1/price-policies": door(GET="read"),
    "api/v1/price-versions": door(GET="read"),
    "api/v1/projects": door(GET="read", POST="supply", sends={"pool": "{pool}"}),
    "api/v1/projects/<slug:public_id>/milestones": door("project", GET="supply", POST="supply", of="seller"),
    "api/v1/projects/<slug:public_id>/milestones/preview": door("project", POST="supply", of="seller"),
    "api/v1/disruptions/preview": door(POST="supply", sends={"pool": "{pool}"}),
    "api/v1/disruptions": door(GET="supply", POST="supply", sends={"pool": "{pool}"}),
    "api/v1/disruptions/<slug:public_id>/withdraw": door(
        "disruption", POST="supply", of="seller", sends={"reason": "over"}
    ),
    "api/v1/maintenance": door(GET="supply", POST="supply", sends={"pool": "{pool}"}),
    "api/v1/maintenance/<slug:public_id>/withdraw": door(
        "maintenance", POST="supply", of="seller", sends={"reason": "over"}
    ),
    "api/v1/supply-files": door(POST="supply", sends={"csv": "project,kind,forecast\n{project},power,{day}\n"}),
    "api/v1/provider-record": door(GET="supply"),
    "api/v1/disclosure": door(GET="supply", POST="supply"),
    "api/v1/projects/<slug:public_id>": door("project", GET="read", of="seller"),
    "api/v1/projections": door(GET="read"),
    "api/v1/projections/<slug:public_id>": door("projection", GET="read", shared=True),
    "api/v1/build-signals": door(GET="read"),
    "api/v1/offers": door(POST="read", sends=NEED),
    "api/v1/quotes": door(
        GET="read", POST="quote", asks={"client_reference": "{reference}"}, sends={"offer": "{offer}"}
    ),
    "api/v1/quotes/<slug:public_id>": door("quote", GET="read"),
    "api/v1/quotes/<slug:public_id>/price": door("quote", GET="read"),
    "api/v1/quotes/<slug:public_id>/release": door("quote", POST="quote"),
    "api/v1/quotes/<slug:public_id>/accept": door("quote", POST="commit"),
    "api/v1/reservations": door(GET="read", asks={"quote": "{taken_quote}"}),
    "api/v1/reservations/<slug:public_id>": door("reservation", GET="read"),
    "api/v1/reservations/<slug:public_id>/supply": door("reservation", GET="read"),
    "api/v1/shortfalls": door(GET="read"),
    "api/v1/plans": door(GET="read"),
    "api/v1/quotes/<slug:public_id>/counter": door("quote", POST="quote", sends={"quantity": 8}),
    "api/v1/quotes/<slug:public_id>/hold": door("quote", POST="quote", sends={"days": 3}),
    "api/v1/quotes/<slug:public_id>/hold/preview": door("quote", POST="read", sends={"days": 3}),
    "api/v1/negotiations": door(GET="read", asks={"quote": "{negotiated}"}),
    "api/v1/negotiations/<slug:public_id>": door("negotiation", GET="read"),
    "api/v1/negotiations/<slug:public_id>/take": door("negotiation", POST="quote", sends={"trade": "trd_1"}),
    "api/v1/negotiations/<slug:public_id>/insist": door("negotiation", POST="quote", sends={"sentence": "please"}),
    "api/v1/negotiations/<slug:public_id>/reply": door("negotiation", POST="quote", sends={"sentence": "please"}),
    "api/v1/negotiations/<slug:public_id>/withdraw": door("negotiation", POST="quote"),
    "api/v1/approvals": door(GET="read", asks={"after": "{request}"}),
    "api/v1/reservations/<slug:public_id>/approve": door("request", POST="commit+admin"),
    "api/v1/reservations/<slug:public_id>/decline": door(
        "request", POST="commit+admin", sends={"reason": "not this year"}
    ),
    "api/v1/reservations/<slug:public_id>/withdraw": door("request", POST="commit"),
    "api/v1/reservations/<slug:public_id>/order-form": door("reservation", GET="read"),
    "api/v1/reservations/<slug:public_id>/changes": door(
        "reservation", GET="read", POST="commit", sends={"kind": "extend", "end_exclusive": "{later}"}
    ),
    "api/v1/deliveries": door(GET="supply"),
    "api/v1/reservations/<slug:public_id>/delivery": door("reservation", GET="read"),
    "api/v1/reservations/<slug:public_id>/delivery/ready": door(
        "reservation", POST="supply", of="seller", sends={"ready_on": "{day}"}
    ),
    "api/v1/reservations/<slug:public_id>/delivery/handover": door(
        "reservation", POST="supply", of="seller", sends={"contact": "desk", "access_reference": "ticket 4711"}
    ),
    "api/v1/reservations/<slug:public_id>/delivery/provider-results": door(
        "reservation", POST="supply", of="seller", sends={"fabric": {"collective_gb_s": "360"}}
    ),
    "api/v1/reservations/<slug:public_id>/delivery/results": door(
        "reservation", POST="commit", sends={"fabric": {"collective_gb_s": "360"}}
    ),
    "api/v1/reservations/<slug:public_id>/delivery/accept": door("reservation", POST="commit"),
    "api/v1/reservations/<slug:public_id>/delivery/reject": door(
        "reservation", POST="commit", sends={"tests": ["collective_gb_s"], "reason": "too slow for what was sold"}
    ),
    "api/v1/reservations/<slug:public_id>/delivery/hand-back": door("reservation", POST="supply", of="seller"),
    "api/v1/reservations/<slug:public_id>/transitions": door("reservation", GET="read"),
    "api/v1/reservations/<slug:public_id>/accept-delivery": door("reservation", POST="commit"),
    "api/v1/reservations/<slug:public_id>/assignments": door(
        "reservation", POST="commit", sends={"receiver": "{organisation}", "grounds": "affiliate"}
    ),
    "api/v1/assignments": door(GET="read", asks={"after": "{assignment}"}),
    "api/v1/assignments/<slug:public_id>": door("assignment", GET="read"),
    "api/v1/assignments/<slug:public_id>/accept": door("assignment", POST="commit", of="affiliate"),
    "api/v1/assignments/<slug:public_id>/decline": door("assignment", POST="commit", of="affiliate"),
    "api/v1/assignments/<slug:public_id>/withdraw": door("assignment", POST="commit"),
    "api/v1/continuity/outage": door(POST="read", sends={"sites": [], "late_days": 9}),
    "api/v1/continuity/growth": door(POST="read", sends={"factor": "2", "from": "{day}"}),
    "api/v1/continuity/closure": door(POST="read", sends={"country": "DE", "from": "{day}"}),
    "api/v1/scenarios": door(
        GET="read",
        POST="quote",
        asks={"after": "{scenario}"},
        sends={"name": "X", "question": "growth", "inputs": {"factor": "2", "from": "{day}"}},
    ),
    "api/v1/scenarios/compare": door(GET="read", asks={"scenarios": "{scenario},{other_scenario}"}),
    "api/v1/scenarios/<slug:public_id>": door(
        "scenario", GET="read", PATCH="quote", DELETE="quote", sends={"name": "X"}
    ),
    "api/v1/scenarios/<slug:public_id>/recompute": door("scenario", POST="quote"),
    "api/v1/remedies": door(GET="read", asks={"reservation": "{reservation}"}),
    "api/v1/remedies/<slug:public_id>": door("remedy", GET="read"),
    "api/v1/remedies/<slug:public_id>/choose": door("remedy", POST="commit", sends={"choice": "{choice}"}),
    "api/v1/reservations/<slug:public_id>/leave": door("reservation", POST="commit"),
    "api/v1/reservations/<slug:public_id>/causes": door("reservation", GET="read"),
    "api/v1/reservations/<slug:public_id>/disputes": door(
        "reservation", GET="read", POST="commit", sends={"cause": "{cause}", "text": "no"}
    ),
    "api/v1/disputes/<slug:public_id>": door("dispute", GET="read"),
    "api/v1/disputes/<slug:public_id>/posts": door("dispute", POST="commit", sends={"text": "and more"}),
    "api/v1/calendar-feed": door(POST="commit", DELETE="commit"),
    "api/v1/energy": door(GET="read"),
    "api/v1/balances": door(GET="read"),
    "api/v1/account-entries": door(GET="read"),
    "api/v1/dues": door(GET="read", asks={"reservation": "{reservation}"}),
    "api/v1/receipts": door(GET="read", asks={"reservation": "{reservation}"}),
    "api/v1/cost-centres": door(
        GET="read", POST="admin", asks={"after": "{cost_centre}"}, sends={"code": "X", "name": "X", "period": "year"}
    ),
    "api/v1/cost-centres/<slug:public_id>/close": door("cost_centre", POST="admin"),
    "api/v1/cost-centres/<slug:public_id>/budgets": door(
        "cost_centre", POST="admin", sends={"start": "{day}", "amount": "1.00"}
    ),
    "api/v1/approval-chains": door(GET="read", POST="admin"),
    "api/v1/approval-chains/<slug:public_id>/withdraw": door("chain", POST="admin"),
    "api/v1/agreements": door(GET="read"),
    "api/v1/authorities": door(GET="admin", POST="admin"),
    "api/v1/authorities/<slug:public_id>/revoke": door("authority", POST="admin"),
    "api/v1/end-customers": door(GET="read", POST="quote", asks={"after": "{end_customer}"}),
    "api/v1/end-customers/<slug:public_id>/archive": door("end_customer", POST="admin"),
    "api/v1/screening": door(GET="read"),
    "api/v1/webhook-endpoints": door(
        GET="admin", POST="admin", asks={"after": "{webhook}"}, sends={"url": "https://localhost/hook"}
    ),
    "api/v1/webhook-endpoints/<slug:public_id>": door("webhook", GET="admin", PATCH="admin", DELETE="admin"),
    "api/v1/webhook-endpoints/<slug:public_id>/rotate-secret": door("webhook", POST="admin"),
    "api/v1/webhook-endpoints/<slug:public_id>/ping": door("webhook", POST="admin"),
    "api/v1/webhook-endpoints/<slug:public_id>/replay": door(
        "webhook", POST="admin", sends={"start": "{day}T00:00:00Z", "end": "{later}T00:00:00Z"}
    ),
    "api/v1/webhook-deliveries": door(GET="admin", asks={"after": "{webhook_delivery}"}),
    "api/v1/webhook-deliveries/<slug:public_id>": door("webhook_delivery", GET="admin"),
    "api/v1/webhook-deliveries/<slug:public_id>/redeliver": door("webhook_delivery", POST="admin"),
    "api/v1/bundles": door(GET="read", asks={"client_reference": "{bundle_reference}"}),
    "api/v1/bundles/<slug:public_id>": door("bundle", GET="read"),
    "api/v1/bundles/<slug:public_id>/release": door("bundle", POST="quote"),
    "api/v1/bundles/<slug:public_id>/accept": door("bundle", POST="commit"),
    "api/v1/waitlist": door(GET="read", POST="quote", asks={"after": "{wish}"}),
    "api/v1/waitlist/<slug:public_id>": door("wish", GET="read"),
    "api/v1/waitlist/<slug:public_id>/withdraw": door("wish", POST="quote"),
    # Staff: the admin itself
    "admin/": staff(GET="staff"),
    "admin/search/": staff(GET="staff"),
    "admin/login/": page(GET="everybody", POST="everybody"),
    "admin/logout/": page(POST="everybody"),
    "admin/password_change/": staff(GET="staff", POST="staff"),
    "admin/password_change/done/": staff(GET="staff"),
    "admin/autocomplete/": staff(GET="nobody"),
    "admin/jsi18n/": staff(GET="staff"),
    "admin/r/<path:content_type_id>/<path:object_id>/": staff("no_row", "no_row", GET="nobody"),
    "admin/^(?P<app_label>marketplace|auth|pricing|reservations)/$": staff("app", GET="pricing.view_quote"),
    "admin/(?P<url>.*)$": staff("no_page", GET="nobody"),
    # Staff: pages of our own
    "admin/marketplace/pool/capacity/": staff(GET="marketplace.view_capacityday"),
    "admin/marketplace/project/providers/": staff(GET="marketplace.view_milestonereport"),
    "admin/marketplace/projection/calibration/": staff(GET="marketplace.view_projection"),
    "admin/marketplace/disruption/<int:pk>/withdraw/": staff("no_row", POST="marketplace.change_disruption"),
    "admin/marketplace/maintenancewindow/<int:pk>/withdraw/": staff(
        "no_row", POST="marketplace.change_maintenancewindow"
    ),
    "admin/marketplace/webhookendpoint/<int:pk>/disable/": staff(
        "webhook_pk", POST="marketplace.change_webhookendpoint"
    ),
    "admin/marketplace/apikey/<int:pk>/revoke/": staff("api_key_pk", POST="marketplace.change_apikey"),
    "admin/marketplace/user/<id>/password/": staff(
        "member_pk", GET="marketplace.change_user", POST="marketplace.change_user"
    ),
    "admin/pricing/pricepolicy/<int:policy_id>/roll-back/": staff("policy_pk", POST="pricing.add_pricepolicy"),
    "admin/reservations/reservation/touched/<slug:public_id>/": staff(
        "projection", GET="reservations.view_reservation+marketplace.view_projection"
    ),
    "admin/reservations/reservation/sell/": staff(GET="pricing.add_quote"),
    "admin/reservations/reservation/sell/hold/": staff(
        POST="pricing.add_quote", sends={"organisation": "{organisation_pk}", "offer": "{offer}"}
    ),
    "admin/reservations/reservation/sell/<slug:public_id>/": staff("quote", GET="pricing.view_quote"),
    "admin/reservations/reservation/sell/<slug:public_id>/accept/": staff("quote", POST="reservations.add_reservation"),
    "admin/reservations/reservation/sell/<slug:public_id>/release/": staff("quote", POST="pricing.change_quote"),
    "admin/pricing/negotiation/<slug:public_id>/desk/": staff(
        "negotiation",
        GET="pricing.view_negotiation",
        POST="pricing.view_negotiation+pricing.change_negotiation",
        sends={"verb": "ask", "sentence": "why?"},
    ),
    "admin/marketplace/clearanceproposal/<int:pk>/decide/<slug:word>/": staff(
        "no_row", "word", POST="marketplace.change_clearanceproposal"
    ),
    "admin/marketplace/listedname/<int:pk>/remove/": staff("no_row", POST="marketplace.change_listedname"),
    "admin/reservations/assignment/<slug:public_id>/consent/": staff(
        "assignment", GET="reservations.change_assignment", POST="reservations.change_assignment"
    ),
    "admin/reservations/reservation/life/<slug:public_id>/": staff("reservation", GET="reservations.view_reservation"),
    "admin/reservations/reservation/life/<slug:public_id>/change/": staff(
        "reservation", POST="reservations.change_reservation"
    ),
    "admin/reservations/reservation/life/<slug:public_id>/hand-over/": staff(
        "reservation", POST="reservations.change_reservation"
    ),
    "admin/reservations/reservation/life/<slug:public_id>/deliver/<slug:act>/": staff(
        "reservation", "act", POST="reservations.change_reservation", sends={"ready_on": "{day}"}
    ),
    "admin/reservations/reservation/deliveries/": staff(GET="reservations.view_reservation"),
    "admin/reservations/reservation/trial-balance/": staff(GET="reservations.view_posting"),
    "admin/reservations/reservation/no-longer-clear/": staff(
        GET="reservations.view_reservation+marketplace.view_clearance"
    ),
    "admin/reservations/reservation/<int:pk>/order-form/": staff("reservation_pk", GET="reservations.view_reservation"),
    "admin/reservations/reservation/sell/<slug:public_id>/keep/": staff(
        "quote", POST="pricing.change_quote", sends={"days": "3"}
    ),
    "admin/reservations/reservation/sell/together/": staff(
        GET="pricing.add_quote", asks={"organisation": "{organisation_pk}"}
    ),
    "admin/reservations/reservation/sell/bundle/<slug:public_id>/": staff("bundle", GET="pricing.view_quote"),
    "admin/reservations/reservation/sell/bundle/<slug:public_id>/accept/": staff(
        "bundle", POST="reservations.add_reservation"
    ),
    "admin/reservations/reservation/sell/bundle/<slug:public_id>/release/": staff(
        "bundle", POST="pricing.change_quote"
    ),
    "admin/reservations/remedy/<slug:public_id>/override/": staff(
        "remedy", GET="reservations.change_remedy", POST="reservations.change_remedy"
    ),
    "admin/reservations/delaycause/<int:pk>/confirm/": staff("no_row", POST="reservations.change_delaycause"),
    "admin/reservations/causedispute/<slug:public_id>/thread/": staff(
        "dispute", GET="reservations.change_causedispute", POST="reservations.change_causedispute"
    ),
    # Staff: tables
    **dict(table("reservations.allocationpolicy", "view add")),
    **dict(table("reservations.plan", "view")),
    **dict(table("reservations.shortfall", "view")),
    **dict(table("auth.group", "view add change")),
    "admin/auth/group/<path:object_id>/delete/": staff("no_row", GET="auth.delete_group", POST="auth.delete_group"),
    **dict(table("marketplace.accelerator", "view add change")),
    **dict(table("marketplace.apikey", "view add", "api_key_pk")),
    **dict(table("marketplace.approvalchain", "view")),
    **dict(table("marketplace.approvalpolicy", "view add")),
    **dict(table("marketplace.clearance", "view add")),
    **dict(table("marketplace.clearanceproposal", "view add")),
    **dict(table("marketplace.costcentre", "view")),
    **dict(table("marketplace.endcustomer", "view")),
    **dict(table("marketplace.listedname", "view add")),
    **dict(table("marketplace.masteragreement", "view add change")),
    **dict(table("marketplace.screeningpolicy", "view add")),
    **dict(table("marketplace.signingauthority", "view")),
    **dict(table("marketplace.webhookendpoint", "view", "webhook_pk")),
    **dict(table("marketplace.webhookdelivery", "view", "webhook_delivery_pk")),
    **dict(table("pricing.contractpolicy", "view add")),
    **dict(table("reservations.assignment", "view")),
    **dict(table("reservations.calendarfeed", "view")),
    **dict(table("reservations.scenario", "view", "scenario_pk")),
    **dict(table("reservations.causedispute", "view")),
    **dict(table("reservations.delaycause", "view add")),
    **dict(table("reservations.due", "view")),
    **dict(table("reservations.remedy", "view")),
    **dict(table("reservations.remedyoverride", "view")),
    **dict(table("reservations.posting", "view")),
    **dict(table("reservations.receipt", "view add")),
    **dict(table("marketplace.claim", "view", "claim_pk")),
    **dict(table("marketplace.disclosurepolicy", "view")),
    **dict(table("marketplace.disruption", "view add")),
    **dict(table("marketplace.entry", "view", "entry_pk")),
    **dict(table("marketplace.event", "view", "event_pk")),
    **dict(table("marketplace.ledgerentry", "view", "ledger_pk")),
    **dict(table("marketplace.maintenancewindow", "view add")),
    **dict(table("marketplace.milestonereport", "view", "report_pk")),
    **dict(table("marketplace.organisation", "view add change", "organisation_pk")),
    **dict(table("marketplace.pool", "view add change", "pool_pk")),
    **dict(table("marketplace.project", "view add change", "project_pk")),
    **dict(table("marketplace.projection", "view", "projection_pk")),
    **dict(table("marketplace.projectiondue", "view add")),
    **dict(table("marketplace.projectoutlook", "view")),
    **dict(table("marketplace.sellingstop", "view")),
    **dict(table("marketplace.servicespec", "view add")),
    **dict(table("marketplace.site", "view add change")),
    **dict(table("marketplace.siteexposure", "view")),
    **dict(table("marketplace.supplypolicy", "view add")),
    **dict(table("marketplace.user", "view add change", "member_pk")),
    "admin/marketplace/user/add/": staff(
        GET="marketplace.add_user+marketplace.change_user", POST="marketplace.add_user+marketplace.change_user"
    ),
    **dict(table("pricing.buildsignal", "view")),
    **dict(table("pricing.demandforecast", "view")),
    **dict(table("pricing.enquiry", "view", "enquiry_pk")),
    **dict(table("pricing.negotiation", "view", "negotiation_pk")),
    **dict(table("pricing.negotiationpolicy", "view add")),
    **dict(table("pricing.saleslimit", "view add change")),
    **dict(table("pricing.pricepolicy", "view add", "policy_pk")),
    **dict(table("pricing.priceversion", "view", "price_version_pk")),
    **dict(table("pricing.quote", "view", "quote_pk")),
    **dict(table("pricing.tape", "view", "tape_pk")),
    **dict(table("pricing.termsdocument", "view")),
    **dict(table("pricing.bundle", "view", "bundle_pk")),
    **dict(table("reservations.waitlistentry", "view", "wish_pk")),
    **dict(table("reservations.reservation", "view", "reservation_pk")),
}

HOW_TO_ADD = """
Every address of the product needs a line in ROUTES of tests/tenancy/routes.py that says who may use it, such as
    "{route}": {example},
and, where it is about something that belongs to an organisation, that thing under a name in tests/tenancy/world.py."""


def example_for(route: str) -> str:
    """A line to start from."""
    about = '"quote", ' if "<" in route else ""
    if route.startswith("admin/"):
        return f'staff({about}GET="app.view_model")   (a whole table: **dict(table("app.model", "view")))'
    return f'door({about}GET="read")' if route.startswith("api/") else f'page({about}GET="member")'
