"""How negotiations look over REST: a thread of steps, as the buyer may see it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.api.fields import MoneyShape, ObjectField, firmness_choice, public_id
from marketplace.api.pagination import ListShape
from pricing.negotiation.models import SALES, STATES, VERBS, Negotiation, Step
from pricing.negotiation.queries import allowed_actions, steps_of


class DealShape(serializers.Serializer[Any]):
    """Terms of a step. A price stands there where one was quoted, asked for or agreed."""

    quantity = serializers.IntegerField()
    start = serializers.DateField()
    end_exclusive = serializers.DateField()
    firmness = firmness_choice()
    prepayment_percent = serializers.IntegerField()
    total = MoneyShape(required=False)
    unit_price = serializers.CharField(required=False, help_text="USD per GPU-hour")


class TradeShape(serializers.Serializer[Any]):
    """Something that could be given, and what the block costs then, at the published rates or as sales offer it."""

    id = serializers.CharField(help_text="Post it to /negotiations/{id}/take")
    title = serializers.CharField()
    gives = serializers.ListField(child=serializers.CharField(), help_text="The terms that change")
    terms = DealShape()
    total = MoneyShape()
    unit_price = serializers.CharField(help_text="USD per GPU-hour")
    compared_by = serializers.CharField(help_text="total, or gpu_hour where size or length change: like with like")
    change_percent = serializers.CharField(help_text="Of what is compared, against what is on the table")
    reaches = serializers.BooleanField(help_text="It has the price that was wanted")


class NegotiationStepShape(serializers.Serializer[Any]):
    """One thing that was said or done."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    side = serializers.CharField(help_text="buyer, engine or sales")
    by = serializers.SerializerMethodField(help_text="The person or key of your organisation, or who answered it")
    verb = serializers.ChoiceField(choices=VERBS)
    sentence = serializers.CharField()
    before = DealShape(help_text="On the table before it")
    after = DealShape(help_text="Asked for, offered or agreed by it")
    trades = TradeShape(many=True)
    quote = serializers.SerializerMethodField(help_text="The quote that it put on the table, if any")

    def get_by(self, step: Step) -> str:
        return "sales" if step.side == SALES else step.by

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_quote(self, step: Step) -> str | None:
        return step.quote.public_id if step.quote else None


class NegotiationShape(serializers.Serializer[Any]):
    """A thread about a block. Accepting the quote on the table ends it, and binds both sides."""

    id = public_id()
    object = ObjectField("negotiation")
    created_at = serializers.DateTimeField(source="opened_at")
    status = serializers.SerializerMethodField(help_text=", ".join(STATES))
    allowed_actions = serializers.SerializerMethodField()
    quote = public_id("quote.public_id", help_text="On the table now: accept it as any quote")
    opened_with = public_id("opened_with.public_id")
    expires_at = serializers.DateTimeField(source="quote.expires_at", help_text="When the quote on the table does")
    wanted = DealShape(allow_null=True, help_text="What was asked for last")
    steps = serializers.SerializerMethodField()

    def get_status(self, negotiation: Negotiation) -> str:
        return negotiation.state(self.context["now"])

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_allowed_actions(self, negotiation: Negotiation) -> list[str]:
        return allowed_actions(negotiation, self.context["now"])

    @extend_schema_field(NegotiationStepShape(many=True))
    def get_steps(self, negotiation: Negotiation) -> Any:
        return NegotiationStepShape(steps_of(negotiation), many=True).data


class NegotiationList(ListShape):
    data = NegotiationShape(many=True)
