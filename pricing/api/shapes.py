"""How needs, offers and quotes look over REST."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from marketplace.api.catalogue import SellerShape, SpecShape
from marketplace.api.fields import MoneyField, MoneyShape, ObjectField, UnitPriceField, firmness_choice, public_id
from marketplace.api.pagination import ListShape
from marketplace.api.schema import ProblemShape
from marketplace.catalogue.service import DIRECTIONS
from marketplace.units.compute import gpu_hours
from marketplace.units.money import unit_price
from pricing.quotes.contracts import ContractPolicy
from pricing.quotes.exits import CAUSES
from pricing.quotes.models import Quote
from pricing.quotes.ranking import SORTS

WHOLE_OR_RANGE = {
    "oneOf": [
        {"type": "integer", "minimum": 1},
        {
            "type": "object",
            "properties": {"min": {"type": "integer", "minimum": 1}, "max": {"type": "integer", "minimum": 1}},
            "required": ["min", "max"],
            "additionalProperties": False,
        },
    ]
}


@extend_schema_field(WHOLE_OR_RANGE)
class WholeOrRange(serializers.JSONField):
    """64, or {"min": 32, "max": 64}."""


class WindowShape(serializers.Serializer[Any]):
    """The first and the last start allowed, both included."""

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateField(), "to": serializers.DateField()}


class NeedShape(serializers.Serializer[Any]):
    """What is asked for. It is checked by pricing/quotes/need.py, for every door alike."""

    accelerators = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Any if left out; GET /accelerators lists them"
    )
    quantity = WholeOrRange(help_text="Physical GPUs")
    duration_days = WholeOrRange(help_text="Whole UTC days")
    start = WindowShape()
    firmness = firmness_choice()
    sites = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Any if left out; GET /sites lists them"
    )
    jurisdictions = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Countries, ISO 3166-1 alpha-2; any if left out"
    )
    sellers = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Any if left out; GET /pools names them"
    )
    service = serializers.JSONField(
        required=False,
        help_text="Fields of the service spec: a number or text is exact, {min: 8} or, where less is better, {max: 0} "
        "is the worst that will do, of a list all must be there. Known fields: " + ", ".join(DIRECTIONS),
    )
    divisible = serializers.BooleanField(
        required=False,
        help_text="The block may be split over pools with the same dates: offers of kind split beside those in one "
        "pool. Left out or false it is a gang: one pool, all GPUs for the whole term.",
    )
    sort = serializers.ChoiceField(choices=SORTS, required=False, help_text="Order of the offers; cheapest if left out")
    relax = serializers.BooleanField(required=False, help_text="Ask what relaxing each wish would save")
    prepayment_percent = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=100,
        help_text="Share paid up front; none if left out",
    )


class PartsShape(serializers.Serializer[Any]):
    """A bundle: needs that are met all or none, each with its own place, dates and class."""

    parts = NeedShape(many=True, help_text="1 to 8 needs, without sort and relax")


class RampStepShape(serializers.Serializer[Any]):
    """So many GPUs from that date on, until the next step or the end."""

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateField(), "quantity": serializers.IntegerField(min_value=1)}


class StepsShape(serializers.Serializer[Any]):
    steps = RampStepShape(many=True, help_text="1 to 16, by date")
    end_exclusive = serializers.DateField()


class RampShape(NeedShape):
    """One contract with a quantity by date, over up to five years; and the wishes of a need for where it may be."""

    quantity = duration_days = start = sort = relax = None
    ramp = StepsShape()


def any_need(many: bool) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(
        component_name="AnyNeed",
        serializers=[NeedShape, PartsShape, RampShape],
        resource_type_field_name=None,
        many=many,
    )


AnyNeed = any_need(many=False)


class AmountShape(serializers.Serializer[Any]):
    code = serializers.CharField(
        help_text="energy, capital (or reserve), <class>_premium, scarcity, term_<kind>, negotiated"
    )
    amount = MoneyShape()


class FootprintShape(serializers.Serializer[Any]):
    """Energy and efficiency of a block, from the rated figures of its accelerator and its site."""

    energy_kwh = serializers.IntegerField(
        source="footprint.facility_kwh", help_text="Drawn by the facility over the block: it_kwh x PUE"
    )
    it_kwh = serializers.IntegerField(
        source="footprint.it_kwh", help_text="Drawn by the GPUs with their host and network: GPU-hours x all-in kW"
    )
    pue = serializers.DecimalField(4, 2, source="footprint.pue", help_text="Facility energy over IT energy")
    co2_kg = serializers.IntegerField(
        source="footprint.carbon_kg", help_text="Of energy_kwh, at the carbon intensity of the site's grid"
    )
    flop_per_joule = serializers.IntegerField(
        source="footprint.flop_per_joule",
        help_text="BF16 dense operations per joule of facility energy, rated: no utilisation in it",
    )
    price_per_h100_equivalent_hour = UnitPriceField(
        source="h100_unit_price", help_text="USD; the total over GPU-hours x the accelerator's H100 weight"
    )


class OfferShape(FootprintShape):
    """A priced answer to a need: a signed token, no claim on capacity."""

    id = serializers.CharField(help_text="The token itself: post it to /quotes")
    object = ObjectField("offer")
    kind = ObjectField("block")
    ranks = serializers.ListField(
        child=serializers.CharField(), help_text="What it wins: cheapest, soonest, most_compute; several or none"
    )
    next_best_in = serializers.ListField(
        child=serializers.CharField(), help_text="Where it comes next, because the winner wins something else too"
    )
    pool = public_id("pool.public_id")
    accelerator = serializers.CharField(source="pool.accelerator.key")
    site = public_id("pool.site.public_id")
    quantity = serializers.IntegerField(source="terms.quantity")
    rounded_up = serializers.BooleanField(help_text="The pool's lot does not divide what was asked for")
    wanted_quantity = serializers.IntegerField(source="wanted", allow_null=True, help_text="GPUs asked for at most")
    is_partial = serializers.BooleanField(help_text="Fewer than that: of a range the most that fits is offered")
    start = serializers.DateField(source="terms.period.start")
    end_exclusive = serializers.DateField(source="terms.period.end")
    firmness = firmness_choice(source="terms.firmness")
    unit_price = UnitPriceField(help_text="USD per GPU-hour")
    total = MoneyField(source="terms.total")
    breakdown = serializers.SerializerMethodField(help_text="Adds up to the total")
    prepayment_percent = serializers.IntegerField(source="terms.prepayment")
    price_version = serializers.CharField(source="terms.price_version")
    delivery_confidence = serializers.CharField(help_text="Probability of the whole block in full and on time, 0 to 1")
    valid_until = serializers.DateTimeField(source="terms.valid_until")

    @extend_schema_field(AmountShape(many=True))
    def get_breakdown(self, offer: Any) -> list[dict[str, Any]]:
        return [{"code": code, "amount": amount.as_json()} for code, amount in offer.breakdown]


class PartShape(OfferShape):
    """A part of a bundle: a block in one pool. It has no token of its own, since it cannot be taken alone."""

    object = ObjectField("part")
    id = ranks = next_best_in = wanted_quantity = is_partial = valid_until = None


class BundleOfferShape(serializers.Serializer[Any]):
    """Several blocks, taken all or none: a bundle, a ramp (one contract in layers), or a split of one need."""

    id = serializers.CharField(help_text="The token itself: post it to /quotes")
    object = ObjectField("offer")
    kind = serializers.CharField(help_text="bundle, ramp or split")
    ranks = serializers.ListField(child=serializers.CharField(), help_text="cheapest where it costs less than any pool")
    next_best_in = serializers.ListField(child=serializers.CharField())
    quantity = serializers.IntegerField(help_text="The most GPUs on any day")
    wanted_quantity = serializers.IntegerField(source="wanted", allow_null=True, help_text="GPUs asked for at most")
    is_partial = serializers.BooleanField(help_text="Fewer than that: of a range the most that fits is offered")
    start = serializers.DateField(help_text="The first day of any part")
    end_exclusive = serializers.DateField(source="end", help_text="The last of any part, not included")
    unit_price = UnitPriceField(help_text="USD per GPU-hour over all parts")
    total = MoneyField(help_text="The sum of the parts' totals: what binds")
    parts = PartShape(many=True)
    valid_until = serializers.DateTimeField()


def any_offer(many: bool) -> PolymorphicProxySerializer:
    return PolymorphicProxySerializer(
        component_name="AnyOffer",
        serializers=[OfferShape, BundleOfferShape],
        resource_type_field_name=None,
        many=many,
    )


@extend_schema_field(any_offer(many=True))
class AnyOffers(serializers.Field[Any, Any, Any, Any]):
    """Blocks, and what is taken together: splits of a divisible need, a bundle, ramps. The cheapest split comes first
    where it costs less than any block."""

    def __init__(self, **options: Any) -> None:
        super().__init__(source="*", **options)
        self.block, self.bundle = OfferShape(), BundleOfferShape()

    def to_representation(self, found: Any) -> list[Any]:
        blocks = [self.block.to_representation(each) for each in found.offers]
        splits = [self.bundle.to_representation(each) for each in found.splits]
        leads = int(bool(splits) and "cheapest" in found.splits[0].ranks)
        return [*splits[:leads], *blocks, *splits[leads:]]


@extend_schema_field(any_offer(many=False))
class AnyOffer(serializers.JSONField):
    """One of them."""


class CalendarShape(serializers.Serializer[Any]):
    """The cheapest block of the need for one start."""

    start = serializers.DateField()
    unit_price = UnitPriceField()
    total = MoneyField()


class BindingShape(serializers.Serializer[Any]):
    """What bound. `pool`, `date`, `headroom` and `limit_of` where a pool's day did, `wishes` where wishes did."""

    constraint = serializers.CharField(help_text="headroom, lot, wish, horizon, last_known_project or no_price")
    pool = public_id("pool.public_id", default=None, allow_null=True)
    date = serializers.DateField(source="day", allow_null=True, help_text="The scarcest day, or the first day too late")
    headroom = serializers.IntegerField(allow_null=True, help_text="GPUs of the class that are left there on that day")
    limit_of = serializers.CharField(allow_null=True, help_text="The class whose limit bound; it may be an outer one")
    wishes = serializers.ListField(child=serializers.CharField(), help_text="The fewest that exclude every pool")
    wish = serializers.SerializerMethodField(help_text="The first of them")

    def get_wish(self, binding: Any) -> str | None:
        return next(iter(binding.wishes), None)


class RefusalShape(serializers.Serializer[Any]):
    """Why nothing fits, and the nearest needs that do, each ready to post."""

    part = serializers.IntegerField(
        allow_null=True,
        default=None,
        help_text="Of a bundle the part that binds, of a ramp the step, from 0; null for a need",
    )
    binds = serializers.CharField(
        allow_null=True,
        default=None,
        help_text="Of a bundle: part (it fits not even alone) or together (not beside the others)",
    )
    code = serializers.CharField()
    detail = serializers.CharField()
    binding = BindingShape()
    nearest = serializers.SerializerMethodField()

    @extend_schema_field(any_need(many=True))
    def get_nearest(self, refusal: Any) -> list[dict[str, Any]]:
        return [asked.as_json() for asked in refusal.nearest]


@extend_schema_field({"type": "string", "pattern": r"^-?\d+(\.\d+)?$"})
class DecimalText(serializers.Field[Any, Any, Any, Any]):
    """A decimal as a string, rounded to `places`."""

    def __init__(self, places: int, **options: Any) -> None:
        super().__init__(**options)
        self.places = places

    def to_representation(self, value: Decimal) -> str:
        return f"{value:.{self.places}f}"


class SavingShape(serializers.Serializer[Any]):
    """What a relaxation saves. It is ranked by `percent` of what is compared."""

    compared_by = serializers.CharField(help_text="total, gpu_hour or h100_equivalent_hour: like with like")
    percent = serializers.SerializerMethodField(help_text="Less of what is compared, one decimal")
    unit_price = DecimalText(4, source="saved_per_hour", help_text="Per GPU-hour or H100-equivalent hour, as compared")
    total = MoneyField(source="saved", help_text="Total against total; below zero where more compute costs more in all")

    def get_percent(self, relaxation: Any) -> str:
        return f"{-relaxation.change * 100:.1f}"


class RelaxationShape(serializers.Serializer[Any]):
    """One wish relaxed: what it saves against the best offer, and the need to post for it."""

    wish = serializers.CharField()
    title = serializers.CharField()
    saving = SavingShape(source="*")
    unit_price = UnitPriceField()
    total = MoneyField()
    need = serializers.SerializerMethodField()

    @extend_schema_field(NeedShape)
    def get_need(self, relaxation: Any) -> dict[str, Any]:
        found: dict[str, Any] = relaxation.need.as_json()
        return found


class SearchShape(serializers.Serializer[Any]):
    object = ObjectField("search")
    offers = AnyOffers()
    calendar = CalendarShape(many=True)
    refusal = RefusalShape(allow_null=True)
    relaxations = RelaxationShape(many=True, allow_null=True, help_text="Null unless asked for with `relax`")
    notes = serializers.ListField(child=serializers.CharField(), help_text="What to know of this answer")


class TermsShape(serializers.Serializer[Any]):
    """The contract's text: its version and hash."""

    version = serializers.CharField()
    title = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 of the text")


class FeeShape(serializers.Serializer[Any]):
    from_days_ahead = serializers.IntegerField()
    percent = serializers.CharField(help_text="Of the worth of what is given back")


class ExitShape(serializers.Serializer[Any]):
    """A way out of the contract."""

    cause = serializers.CharField(help_text=", ".join(CAUSES))
    notice_days = serializers.IntegerField()
    fee = FeeShape(many=True, help_text="By lead time of the first day given back; none is no fee")
    refund_percent = serializers.IntegerField(help_text="Of what was paid up front for what is given back")
    who = serializers.CharField(help_text="Who may give this cause")


class DelayTermsShape(serializers.Serializer[Any]):
    """What is owed when delivery is late, and what may be chosen then."""

    rate_percent = serializers.IntegerField(help_text="Of a day's price (total / days), for each late day that counts")
    grace_days = serializers.IntegerField(help_text="Late days that do not count")
    cap_percent = serializers.IntegerField(help_text="Of the total, for all credits together")
    sole_remedy = serializers.BooleanField(help_text="The credit is all that is owed, beside leaving at the long stop")
    excuses = serializers.DictField(child=serializers.IntegerField(), help_text="By cause, the most days it excuses")
    notice_days = serializers.IntegerField(help_text="From the day on which a cause began, to say so")
    evidence = serializers.CharField(help_text="What has to prove a cause")
    end_moves = serializers.BooleanField(help_text="Whether the end moves with the start")
    long_stop_days = serializers.IntegerField(help_text="After the agreed start; then you may leave with a full refund")
    choice_hours = serializers.IntegerField(help_text="To choose, from the announcement of a remedy")


class AcceptanceTestShape(serializers.Serializer[Any]):
    """A named test of what is handed over, of each node or of the fabric, with its threshold."""

    name = serializers.CharField()
    title = serializers.CharField()
    scope = serializers.CharField(help_text="node, fabric")
    rule = serializers.CharField(help_text="at_least, at_most")
    threshold = serializers.DecimalField(max_digits=12, decimal_places=4, normalize_output=True)
    unit = serializers.CharField(allow_blank=True)


class ContractShape(serializers.Serializer[Any]):
    """Payment, changes and ways out, frozen with the quote."""

    version = serializers.IntegerField(help_text="Of the seller's contract policy; 0 is the shipped one")
    payment_days = serializers.IntegerField(help_text="To pay what is due up front")
    deposit_percent = serializers.IntegerField(help_text="Least share of the total that is due up front")
    handover = serializers.CharField(help_text="Whose act delivery is: provider, or clock as the first day begins")
    ready_notice_days = serializers.IntegerField(help_text="Ahead of hand-over, by which the provider says when it is")
    acceptance_days = serializers.IntegerField(help_text="From hand-over, after which delivery is deemed accepted")
    acceptance_tests = AcceptanceTestShape(source="tests", many=True, help_text="What delivery has to pass")
    end_notice_days = serializers.IntegerField(help_text="Before the end, on which you are reminded of it; 0: not")
    lock_hours = serializers.IntegerField(help_text="Before the start, from which terms can no longer change")
    turnaround_days = serializers.IntegerField(help_text="After the block: claimed, not priced")
    change_minutes = serializers.IntegerField(help_text="For which a quote for a change stands")
    first_call_days = serializers.IntegerField(help_text="Before the end, when you are called to extend first")
    first_call_hours = serializers.IntegerField(help_text="For which the days after the block are then kept, if free")
    assignment_days = serializers.IntegerField(help_text="In which an assignment is consented to and accepted")
    exits = serializers.SerializerMethodField()
    delay_terms = DelayTermsShape(
        allow_null=True, help_text="If delivery is late; null where the contract says nothing"
    )

    @extend_schema_field(ExitShape(many=True))
    def get_exits(self, contract: ContractPolicy) -> list[dict[str, Any]]:
        return [each.as_json() for each in contract.all_exits()]


class ChangedLineShape(serializers.Serializer[Any]):
    """GPUs over days that a change adds or returns, with their amount."""

    code = serializers.CharField(help_text="added or returned")
    start = serializers.DateField()
    end_exclusive = serializers.DateField()
    quantity = serializers.IntegerField()
    amount = MoneyShape()


LEADING = ("id", "object", "created_at", "status", "allowed_actions")


class BlockShape(FootprintShape):
    """A block as a quote or a reservation has it, with everything that was frozen."""

    pool = public_id("pool.public_id")
    accelerator = serializers.CharField(source="pool.accelerator.key")
    site = public_id("pool.site.public_id")
    seller = SellerShape(source="pool.seller")
    quantity = serializers.IntegerField(help_text="Physical GPUs")
    start = serializers.DateField()
    end_exclusive = serializers.DateField(source="end")
    firmness = firmness_choice()
    unit_price = serializers.SerializerMethodField(help_text="Per GPU-hour, derived from the total")
    total = MoneyField(source="money")

    def get_fields(self) -> dict[str, Any]:
        found = super().get_fields()
        first = {name: found[name] for name in LEADING if name in found}
        return {**first, **found}

    def get_unit_price(self, block: Any) -> str:
        price: Decimal = unit_price(block.money, gpu_hours(block.quantity, block.period.days))
        return f"{price:.4f}"


class HoldShape(serializers.Serializer[Any]):
    """For how many days a long hold was taken, and its fees so far: credited when the quote is accepted."""

    days = serializers.IntegerField(source="hold_days")
    fee = MoneyField(source="hold_fee_money")


class QuoteShape(BlockShape):
    """Firm terms for a block, and the hold that keeps its capacity until `expires_at`."""

    id = public_id()
    object = ObjectField("quote")
    created_at = serializers.DateTimeField()
    status = serializers.SerializerMethodField(help_text="open, accepted, released, expired or replaced")
    kind = serializers.CharField(help_text="buy; or, for a change: extend, resize, move, end_early, cancel")
    changes = serializers.SerializerMethodField(help_text="The reservation that it would change, or null")
    lines = ChangedLineShape(many=True, help_text="Of a change. `total` is its price effect, which may be below zero")
    expires_at = serializers.DateTimeField()
    bundle = public_id("bundle.public_id", default=None, allow_null=True, help_text="What it is a part of, if it is")
    allowed_actions = serializers.SerializerMethodField()
    rounded_up = serializers.SerializerMethodField()
    list_total = MoneyField(source="list_money", help_text="Before terms")
    breakdown = AmountShape(many=True)
    prepayment_percent = serializers.IntegerField()
    price_version = public_id("price_version.public_id")
    delivery_confidence = serializers.CharField()
    service_spec = SpecShape(source="spec")
    terms = TermsShape()
    contract = ContractShape(source="contract_terms")
    client_reference = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    on_behalf_of = serializers.CharField(
        source="on_behalf_of.public_id", allow_null=True, default=None, help_text="The end customer"
    )
    hold = HoldShape(source="*")
    replaces = public_id("replaces.public_id", default=None, allow_null=True, help_text="Negotiated: the one before")
    replaced_by = public_id("replaced_by.public_id", default=None, allow_null=True, help_text="And the one after")

    def get_status(self, quote: Quote) -> str:
        return quote.state(self.context["now"])

    def get_allowed_actions(self, quote: Quote) -> list[str]:
        return quote.allowed_actions(self.context["now"])

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_changes(self, quote: Quote) -> str | None:
        return quote.changes or None

    def get_rounded_up(self, quote: Quote) -> bool:
        return quote.quantity != quote.asked_quantity


class BundleShape(serializers.Serializer[Any]):
    """Quotes that are taken, accepted and released all or none; each holds its block until the same `expires_at`."""

    id = public_id()
    object = ObjectField("bundle")
    created_at = serializers.DateTimeField()
    status = serializers.SerializerMethodField(help_text="open, accepted, released or expired: that of every part")
    expires_at = serializers.DateTimeField()
    allowed_actions = serializers.SerializerMethodField()
    kind = serializers.CharField(help_text="bundle, ramp or split")
    unit_price = UnitPriceField(help_text="USD per GPU-hour over all parts")
    total = MoneyField(source="money", help_text="The sum of the parts' totals: what binds")
    list_total = MoneyField(source="list_money", help_text="Before terms")
    parts = QuoteShape(source="quotes", many=True)
    client_reference = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())

    def get_status(self, bundle: Any) -> str:
        found: str = bundle.state(self.context["now"])
        return found

    def get_allowed_actions(self, bundle: Any) -> list[str]:
        found: list[str] = bundle.allowed_actions(self.context["now"])
        return found


class BundleList(ListShape):
    data = BundleShape(many=True)


class QuoteList(ListShape):
    data = QuoteShape(many=True)


class ReleaseShape(serializers.Serializer[Any]):
    """One of your open quotes."""

    quote = serializers.CharField()
    gpu_hours = serializers.IntegerField()
    expires_at = serializers.DateTimeField()


class PriceChangedShape(ProblemShape):
    """409 where something is held: `offer` with price_changed, `nearest` with insufficient_headroom, or hold_limit."""

    offer = AnyOffer(required=False, help_text="The same at today's price")
    part = serializers.IntegerField(required=False, allow_null=True, help_text="Of a bundle the part that is gone")
    nearest = serializers.ListField(child=serializers.DictField(), required=False, help_text="Each ready to post")
    binding = BindingShape(required=False)
    held_gpu_hours = serializers.IntegerField(required=False, help_text="With hold_limit")
    limit_gpu_hours = serializers.IntegerField(required=False)
    asked_gpu_hours = serializers.IntegerField(required=False)
    fits = serializers.IntegerField(required=False, help_text="GPUs of the same length that could be held now")
    release = ReleaseShape(many=True, required=False, help_text="The fewest of your quotes that make room for it all")


QuoteOrBundle = PolymorphicProxySerializer(
    component_name="QuoteOrBundle", serializers=[QuoteShape, BundleShape], resource_type_field_name=None
)
