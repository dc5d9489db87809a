"""How reservations, and what hangs on them, look over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.api.catalogue import SpecShape
from marketplace.api.fields import MoneyField, MoneyShape, ObjectField, public_id
from marketplace.api.pagination import ListShape
from marketplace.units.instants import rfc3339
from marketplace.units.money import Money
from pricing.api.shapes import AmountShape, BlockShape, ContractShape, TermsShape
from reservations.booking.amendments import (
    CONSENTED,
    GROUNDS,
    OFFERED,
    STATUSES,
    Assignment,
    ReservationChange,
)
from reservations.booking.changes import locked_since
from reservations.booking.lifecycle import allowed_actions
from reservations.booking.models import Reservation, ReservationTransition
from reservations.booking.money import REASONS
from reservations.booking.pieces import parts
from reservations.booking.states import CUSTOMER, STATES


class DaysShape(serializers.Serializer[Any]):
    """GPUs over days."""

    start = serializers.DateField(source="period.start")
    end_exclusive = serializers.DateField(source="period.end")
    quantity = serializers.IntegerField()


class ReservationShape(BlockShape):
    """An accepted block. What was agreed is its quote's, and frozen; accepted changes are in `days` and `total`."""

    id = public_id()
    object = ObjectField("reservation")
    created_at = serializers.DateTimeField(source="accepted_at")
    status = serializers.SerializerMethodField(help_text=", ".join(state for state, _ in STATES))
    allowed_actions = serializers.SerializerMethodField()
    deadline = serializers.DateTimeField(allow_null=True, help_text="Of a pending state: past it the block is released")
    locked_since = serializers.SerializerMethodField(help_text="From then on, before the start, terms cannot change")
    delivered_on = serializers.DateField(
        allow_null=True, help_text="Accepted then, or deemed so as it begins; null while nothing is handed over"
    )
    days = serializers.SerializerMethodField(help_text="Day by day, with all accepted changes")
    revision = serializers.IntegerField(help_text="Counts accepted changes and assignments")
    quote = public_id("quote.public_id")
    bundle = public_id(
        "quote.bundle.public_id", default=None, allow_null=True, help_text="What its quote was a part of, if it was"
    )
    breakdown = AmountShape(source="quote.breakdown", many=True)
    price_version = public_id("quote.price_version.public_id")
    delivery_confidence = serializers.CharField(source="quote.delivery_confidence", help_text="As quoted")
    service_spec = SpecShape(source="quote.spec")
    terms = TermsShape(source="quote.terms")
    contract = ContractShape(source="quote.contract_terms")
    accepted_by = serializers.CharField(source="accepted_by_holder", help_text="The person or key that accepted")
    client_reference = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    cost_centre = serializers.CharField(source="cost_centre.public_id", allow_null=True, default=None)
    purchase_order = serializers.CharField(source="order_of_holder", help_text="Yours; on the order form")
    on_behalf_of = serializers.CharField(
        source="end_customer.public_id", allow_null=True, default=None, help_text="The end customer"
    )
    order_form_digest = serializers.SerializerMethodField(help_text="SHA-256 of the order form; null until it is made")

    def get_order_form_digest(self, reservation: Reservation) -> str | None:
        return (reservation.order_form_digest or None) if reservation.assigned_at is None else None

    def get_status(self, reservation: Reservation) -> str:
        return reservation.state(self.context["now"])

    def get_allowed_actions(self, reservation: Reservation) -> list[str]:
        return allowed_actions(reservation, self.context["roles"], self.context["now"])

    @extend_schema_field(serializers.DateTimeField())
    def get_locked_since(self, reservation: Reservation) -> str:
        return rfc3339(locked_since(reservation))

    @extend_schema_field(DaysShape(many=True))
    def get_days(self, reservation: Reservation) -> Any:
        return DaysShape(parts(reservation), many=True).data


class ReservationList(ListShape):
    data = ReservationShape(many=True)


class TransitionShape(serializers.Serializer[ReservationTransition]):
    """A step of its life. `at` is when it was written down, `effective_at` when it took effect."""

    object = ObjectField("transition")
    action = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    effective_at = serializers.DateTimeField()
    at = serializers.DateTimeField()
    by = serializers.CharField()
    reason = serializers.CharField()


class TransitionList(ListShape):
    data = TransitionShape(many=True)


@extend_schema_field(MoneyShape)
class OfChange(serializers.Field[Any, Any, Any, Any]):
    """An amount of a change, in its quote's currency."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(source="*", read_only=True, **options)
        self.name = name

    def to_representation(self, change: ReservationChange) -> dict[str, str]:
        return Money(getattr(change, self.name), change.quote.currency).as_json()


class ReservationChangeShape(serializers.Serializer[ReservationChange]):
    """A change that was asked for: its quote has the price effect and what can be done with it."""

    object = ObjectField("change")
    kind = serializers.CharField()
    quote = public_id("quote.public_id")
    cause = serializers.CharField(help_text="Of an exit; empty otherwise")
    start = serializers.DateField(help_text="Of the block afterwards")
    end_exclusive = serializers.DateField(source="end")
    added = OfChange("added", help_text="Price of what is added")
    returned = OfChange("returned", help_text="Worth of what is given back")
    fee = OfChange("fee", help_text="As the contract says, by lead time")
    kept_prepayment = OfChange("kept", help_text="Of what was paid up front: not refunded")
    due_up_front = OfChange("due_now", help_text="For what is added")
    refund = OfChange("refund", help_text="Of what was paid up front for what is given back")
    asked_at = serializers.DateTimeField()
    accepted_at = serializers.DateTimeField(allow_null=True)


class ChangeList(ListShape):
    data = ReservationChangeShape(many=True)


class DueShape(serializers.Serializer[Any]):
    """An amount that became owed; below zero it is owed to you."""

    id = public_id()
    object = ObjectField("due")
    created_at = serializers.DateTimeField()
    reservation = public_id("reservation.public_id", allow_null=True, default=None)
    amount = MoneyField(source="money")
    reason = serializers.CharField(help_text=", ".join(reason for reason, _ in REASONS))
    due_at = serializers.DateTimeField()


class DueList(ListShape):
    data = DueShape(many=True)


class ReceiptShape(serializers.Serializer[Any]):
    """A bank transfer that came in."""

    id = public_id()
    object = ObjectField("receipt")
    created_at = serializers.DateTimeField(source="recorded_at")
    reservation = public_id("reservation.public_id")
    bank_reference = serializers.CharField()
    amount = MoneyField(source="money")
    received_on = serializers.DateField()
    applied = serializers.BooleanField(help_text="False where it came too late: then a due owes it back")


class ReceiptList(ListShape):
    data = ReceiptShape(many=True)


class AssignmentShape(serializers.Serializer[Assignment]):
    """A reservation offered to another organisation."""

    id = public_id()
    object = ObjectField("assignment")
    created_at = serializers.DateTimeField(source="offered_at")
    status = serializers.SerializerMethodField(help_text=", ".join(status for status, _ in STATUSES))
    allowed_actions = serializers.SerializerMethodField()
    reservation = public_id("reservation.public_id")
    site = public_id("reservation.pool.site.public_id")
    accelerator = serializers.CharField(source="reservation.pool.accelerator.key")
    quantity = serializers.IntegerField(source="reservation.quantity")
    start = serializers.DateField(source="reservation.start")
    end_exclusive = serializers.DateField(source="reservation.end")
    total = MoneyField(source="reservation.money")
    giver = serializers.CharField(source="giver.name")
    receiver = serializers.CharField(source="receiver.name")
    grounds = serializers.CharField(help_text=", ".join(name for name, _ in GROUNDS))
    expires_at = serializers.DateTimeField()

    def get_status(self, assignment: Assignment) -> str:
        return assignment.state(self.context["now"])

    def get_allowed_actions(self, assignment: Assignment) -> list[str]:
        if CUSTOMER.isdisjoint(self.context["roles"]):
            return []
        state = assignment.state(self.context["now"])
        if assignment.giver_id == self.context["organisation_id"]:
            return ["withdraw"] if state in (OFFERED, CONSENTED) else []
        return ["accept", "decline"] if state == CONSENTED else []


class AssignmentList(ListShape):
    data = AssignmentShape(many=True)
