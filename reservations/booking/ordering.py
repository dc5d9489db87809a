"""The order form: what was agreed, by whom and on which terms, on paper."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from marketplace.journal.actions import record
from marketplace.journal.actor import SYSTEM
from marketplace.parties.models import Organisation
from marketplace.units import clock
from marketplace.units.compute import gpu_hours
from marketplace.units.instants import rfc3339
from marketplace.units.money import Money, unit_price
from marketplace.units.period import in_words
from pricing.quotes.models import Quote
from reservations.booking.models import Reservation
from reservations.booking.pages import Document, Section, pdf_of
from reservations.booking.papers import OrderForm
from reservations.booking.states import PENDING_APPROVAL, RELEASED


class NotOrdered(Exception):
    """There is no order yet: it waits for an approval, or was never given one."""

    def __init__(self) -> None:
        super().__init__("There is no order form: the reservation was not approved, or not yet.")


class OrderedByAnother(NotOrdered):
    """The reservation came by an assignment: the order form is of whoever held it before."""


def parties_of(quote: Quote) -> dict[str, Any]:
    """Who contracts with whom, as they are called at this moment: frozen with the reservation."""
    return {
        "customer": _facts(quote.organisation),
        "seller": _facts(quote.pool.seller),
        "seller_role": quote.pool.get_role_display(),
        "end_customer": str(quote.on_behalf_of) if quote.on_behalf_of else "",
    }


def _facts(organisation: Organisation) -> dict[str, Any]:
    return {
        "legal_name": organisation.legal_name or organisation.name,
        "country": organisation.country,
        "tax_ids": organisation.tax_ids or {},
    }


def customers_order_form(*, reservation: Reservation) -> OrderForm:
    """`order_form` for its holder. What another organisation ordered before an assignment is not theirs to read."""
    if reservation.assigned_at is not None:
        raise OrderedByAnother
    return order_form(reservation=reservation)


def order_form(*, reservation: Reservation) -> OrderForm:
    """The reservation's order form; made and kept where it is not there yet. Raises NotOrdered.

    Two at once make the same bytes, and the first of them is kept.
    """
    kept = OrderForm.objects.filter(reservation=reservation).first()
    if kept is not None:
        return kept
    now = clock.now()
    if reservation.status == PENDING_APPROVAL or _was_never_approved(reservation):
        raise NotOrdered
    full = Reservation.objects.with_terms().select_related("cost_centre").get(pk=reservation.pk)
    pdf = pdf_of(document_of(full))
    digest = hashlib.sha256(pdf).hexdigest()
    made, created = OrderForm.objects.get_or_create(
        reservation=full, defaults={"pdf": pdf, "digest": digest, "made_at": now}
    )
    if created:
        Reservation.objects.filter(pk=full.pk).update(order_form_digest=digest)
        reservation.order_form_digest = digest
        record(by=SYSTEM, verb="order_form.made", subject=full.public_id, now=now, after={"sha256": digest})
    return made


def _was_never_approved(reservation: Reservation) -> bool:
    return reservation.status == RELEASED and reservation.stages.exclude(decision="approved").exists()


def without_order_form(most: int) -> QuerySet[Reservation]:
    """Those whose order form is still to be made, the newest first."""
    rows = Reservation.objects.filter(order_form_digest="").exclude(status__in=(PENDING_APPROVAL, RELEASED))
    return rows.order_by("-pk")[:most]


def document_of(reservation: Reservation) -> Document:
    """What is on the form: frozen facts only, those of the quote that was accepted."""
    quote = reservation.quote
    return Document(
        "Order form",
        f"Reservation {reservation.public_id}, accepted {_moment(reservation.accepted_at)}",
        (
            Section("Parties", list(_parties(reservation))),
            Section("Order", list(_order(reservation))),
            Section("Block", list(_block(quote))),
            Section("Price", list(_price(quote))),
            Section("Service", [(_words(name), _value(value)) for name, value in sorted(quote.spec.document.items())]),
            Section("If we are late", _delay(quote)),
            Section("Terms", list(_terms(quote))),
        ),
    )


def _parties(reservation: Reservation) -> Iterator[tuple[str, str]]:
    parties = reservation.parties or parties_of(reservation.quote)
    for role in ("customer", "seller"):
        facts = parties[role]
        yield role.capitalize(), f"{facts['legal_name']}, {facts['country']}"
        for kind, number in sorted(facts["tax_ids"].items()):
            yield f"{role.capitalize()}, {_words(kind)}", str(number)
    yield "Contracting", parties["seller_role"]
    if parties["end_customer"]:
        yield "On behalf of", parties["end_customer"]


def _order(reservation: Reservation) -> Iterator[tuple[str, str]]:
    yield "Purchase order", reservation.purchase_order or "none"
    if reservation.cost_centre:
        yield "Cost centre", str(reservation.cost_centre)
    yield "Accepted by", reservation.accepted_by
    for stage in reservation.stages.select_related("user"):
        if stage.decision and stage.decided_at:
            yield f"Step {stage.position}", f"{stage.decision} by {stage.decided_by}, {_moment(stage.decided_at)}"


def _block(quote: Quote) -> Iterator[tuple[str, str]]:
    yield "GPUs", f"{quote.quantity:,} {quote.pool.accelerator.name}"
    yield "Site", f"{quote.pool.site.name}, {quote.pool.site.jurisdiction}"
    yield "From", f"{in_words(quote.start)}, 00:00 UTC"
    yield "Until", f"{in_words(quote.end)}, 00:00 UTC ({quote.period.days:,} days)"
    yield "Class", quote.firmness
    yield "Delivery confidence", f"{quote.delivery_confidence:.2%} as quoted"


def _price(quote: Quote) -> Iterator[tuple[str, str]]:
    for line in quote.breakdown:
        amount = Money(Decimal(line["amount"]["amount"]), line["amount"]["currency"])
        yield _words(line["code"].removeprefix("term_")), _amount(amount)
    yield "Total", _amount(quote.money)
    hours = gpu_hours(quote.quantity, quote.period.days)
    yield "Per GPU-hour", f"{unit_price(quote.money, hours)} {quote.currency}, for {hours:,} GPU-hours"
    if quote.prepayment_percent:
        yield "Paid up front", f"{quote.prepayment_percent} %"
    yield "Price version", quote.price_version.public_id
    yield "Quote", quote.public_id


def _terms(quote: Quote) -> Iterator[tuple[str, str]]:
    yield "Document", f"{quote.terms.title}, version {quote.terms.version}"
    yield "SHA-256", quote.terms_digest
    yield "Service spec", f"version {quote.spec.version}"


def _delay(quote: Quote) -> list[tuple[str, str]]:
    terms = quote.contract_terms.delay_terms
    return terms.in_words() if terms else [("Delay", "The contract says nothing about it")]


def _amount(money: Money) -> str:
    number, currency = str(money).split()
    return f"{Decimal(number):,} {currency}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _value(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _moment(at: datetime) -> str:
    return rfc3339(at)
