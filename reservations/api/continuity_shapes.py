"""The continuity planner's questions, answers and scenarios as they look over REST."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplace.api.fields import MoneyShape, ObjectField, firmness_choice, public_id
from marketplace.api.pagination import ListShape, PageParams
from marketplace.api.strict import Strict, Text
from marketplace.journal.actor import Actor
from pricing.api.shapes import NeedShape
from reservations.continuity.asked import LATENESS, QUESTIONS
from reservations.continuity.models import LONGEST_NAME, VISIBILITIES, Scenario, ScenarioResult
from reservations.continuity.queries import may_do


class _From(serializers.Serializer[Any]):
    """A shape with a field `from`, a word that Python keeps for itself."""

    def get_fields(self) -> Any:
        return {**super().get_fields(), "from": serializers.DateField()}


class OutageShape(serializers.Serializer[Any]):
    """Sites that are late or lost. One of the three ways is given."""

    sites = serializers.ListField(child=serializers.CharField(), help_text="Ids of sites: sit_…")
    lost_from = serializers.DateField(required=False, help_text="All that you have there is gone from this day on")
    late_days = serializers.IntegerField(required=False, help_text="What has not begun begins so many days later")
    lateness = serializers.ChoiceField(
        choices=list(LATENESS), required=False, help_text="As late as the projection says of your blocks there"
    )


class GrowthShape(_From):
    """Usage grows from a day on."""

    factor = serializers.CharField(help_text="What usage is multiplied by: 2 or 1.5")
    firmness = firmness_choice(required=False)
    accelerators = serializers.ListField(child=serializers.CharField(), required=False, help_text="Left out: all held")


class ClosureShape(_From):
    """A country or a region closes on a day."""

    country = serializers.CharField(required=False, help_text="ISO 3166-1 alpha-2")
    region = serializers.CharField(required=False)
    allowed = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Countries to go to; left out: any that stays open"
    )
    flexibility_days = serializers.IntegerField(required=False, help_text="How much later an alternative may begin")


class FigureShape(serializers.Serializer[Any]):
    """One number that an answer is judged by; null where there is none."""

    code = serializers.CharField()
    value = serializers.JSONField(help_text="A number, a date or an amount; null where there is none")
    unit = serializers.CharField()


class CoverageStepsShape(serializers.Serializer[Any]):
    """GPUs before and after, from each date until the next, the last until `end_exclusive`."""

    name = serializers.CharField(help_text="An accelerator, or h100_equivalents for all of them")
    dates = serializers.ListField(child=serializers.DateField())
    end_exclusive = serializers.DateField()
    before = serializers.ListField(child=serializers.FloatField())
    after = serializers.ListField(child=serializers.FloatField())


class HeldShape(serializers.Serializer[Any]):
    """One of your reservations."""

    reservation = serializers.CharField()
    status = serializers.CharField()
    bundle = serializers.CharField(allow_null=True)
    accelerator = serializers.CharField()
    site = serializers.CharField()
    site_name = serializers.CharField()
    country = serializers.CharField()
    firmness = serializers.CharField()
    quantity = serializers.IntegerField()
    start = serializers.DateField()
    end_exclusive = serializers.DateField()
    lost_gpu_days = serializers.IntegerField()


class StoppedShape(HeldShape, _From):
    """A reservation that stops or begins late. `others_gpus`: GPUs of its kind that you still have on those days."""

    effect = serializers.ChoiceField(choices=["stops", "late"])
    until = serializers.DateField()
    lost_h100_days = serializers.FloatField()
    others_gpus = serializers.FloatField()
    credit = MoneyShape(allow_null=True, help_text="By the contract's formula, if nothing excuses the late days")
    end_moves = serializers.BooleanField(allow_null=True, help_text="Whether the contract adds the days at the end")


class ProposedShape(serializers.Serializer[Any]):
    """An offer of now. `offer` is ready for POST /quotes until `valid_until`; in a stored answer both are missing."""

    offer = serializers.CharField(required=False)
    valid_until = serializers.DateTimeField(required=False)
    pool = serializers.CharField()
    accelerator = serializers.CharField()
    site = serializers.CharField()
    site_name = serializers.CharField()
    country = serializers.CharField()
    ranks = serializers.ListField(child=serializers.CharField())
    quantity = serializers.IntegerField()
    start = serializers.DateField()
    end_exclusive = serializers.DateField()
    firmness = serializers.CharField()
    unit_price = serializers.CharField()
    total = MoneyShape()
    delivery_confidence = serializers.CharField()
    price_version = serializers.CharField()


class NearestShape(serializers.Serializer[Any]):
    text = serializers.CharField()
    need = serializers.JSONField(help_text="Ready to post to /offers")


class NoFitShape(serializers.Serializer[Any]):
    """Why nothing fits, and what does."""

    code = serializers.CharField()
    detail = serializers.CharField()
    nearest = NearestShape(many=True)


class ComparedShape(serializers.Serializer[Any]):
    """One field of the service spec, as it is had and as it would be."""

    field = serializers.CharField()
    had = serializers.JSONField()
    offered = serializers.JSONField(help_text="null where the other spec does not say")
    verdict = serializers.ChoiceField(choices=["equal", "better", "worse"])


class AlternativeShape(ProposedShape):
    days_later = serializers.IntegerField(help_text="Than it would have to begin")
    service = serializers.ChoiceField(choices=["equal_or_better", "different"])
    comparison = ComparedShape(many=True)


class MovedBlockShape(HeldShape):
    """A reservation where it closes, with what could stand in for it."""

    need = serializers.SerializerMethodField()
    alternatives = AlternativeShape(many=True)
    refusal = NoFitShape(allow_null=True)

    @extend_schema_field(NeedShape(allow_null=True))
    def get_need(self, row: dict[str, Any]) -> Any:
        return row["need"]


class TogetherShape(serializers.Serializer[Any]):
    offer = serializers.CharField(required=False)
    valid_until = serializers.DateTimeField(required=False)
    total = MoneyShape()
    parts = ProposedShape(many=True)


class ReadyBundleShape(serializers.Serializer[Any]):
    """Parts ready for POST /offers, and their offer together, or why they do not fit together."""

    parts = serializers.SerializerMethodField()
    left_out = serializers.IntegerField(help_text="Needs beyond what one bundle takes")
    together = TogetherShape(allow_null=True)
    refusal = NoFitShape(allow_null=True)

    @extend_schema_field(NeedShape(many=True))
    def get_parts(self, bundle: dict[str, Any]) -> Any:
        return bundle["parts"]


class WeeklyMovesShape(serializers.Serializer[Any]):
    """How the price of the same delivery days moved from week to week: fractions, null where nothing is known."""

    weeks = serializers.IntegerField()
    count = serializers.IntegerField()
    p10 = serializers.FloatField(allow_null=True)
    p50 = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)


class LaterShape(serializers.Serializer[Any]):
    """What the forward curve says of the same dates: no promise, and no forecast."""

    unit_price = serializers.CharField(allow_null=True)
    total = MoneyShape(allow_null=True)
    priced_days = serializers.IntegerField()
    days = serializers.IntegerField()
    weekly_moves = WeeklyMovesShape()
    detail = serializers.CharField()


class AddedBlockShape(serializers.Serializer[Any]):
    need = serializers.SerializerMethodField()
    quantity = serializers.IntegerField()
    start = serializers.DateField()
    end_exclusive = serializers.DateField()
    now = ProposedShape(allow_null=True)
    refusal = NoFitShape(allow_null=True)
    later = LaterShape()

    @extend_schema_field(NeedShape)
    def get_need(self, block: dict[str, Any]) -> Any:
        return block["need"]


class AddedShape(serializers.Serializer[Any]):
    """The added need of one accelerator."""

    accelerator = serializers.CharField()
    added_gpu_days = serializers.IntegerField()
    most_added_gpus = serializers.IntegerField()
    blocks = AddedBlockShape(many=True)


class OverageShape(serializers.Serializer[Any]):
    unit_price = serializers.CharField(allow_null=True)
    detail = serializers.CharField()


class SaidShape(serializers.Serializer[Any]):
    """What every answer has."""

    title = serializers.CharField()
    headline = FigureShape(many=True)
    steps = CoverageStepsShape(many=True)
    notes = serializers.ListField(child=serializers.CharField())


class LatenessShape(serializers.Serializer[Any]):
    """By how many days the latest of your blocks there that have not begun begins late, or less."""

    p50 = serializers.IntegerField(help_text="With a probability of 50 %")
    p90 = serializers.IntegerField(help_text="With a probability of 90 %")


class OutageAnswerShape(SaidShape):
    reservations = StoppedShape(many=True)
    projected_days_late = LatenessShape()


class GrowthAnswerShape(SaidShape):
    accelerators = AddedShape(many=True)
    bundle = ReadyBundleShape(allow_null=True)
    overage = OverageShape()


class ClosureAnswerShape(SaidShape):
    reservations = MovedBlockShape(many=True)
    bundle = ReadyBundleShape(allow_null=True)


ANSWERS: dict[str, type[SaidShape]] = {
    "outage": OutageAnswerShape,
    "growth": GrowthAnswerShape,
    "closure": ClosureAnswerShape,
}


class UnderShape(serializers.Serializer[Any]):
    """The versions of supply and prices that an answer was worked out under."""

    at = serializers.DateTimeField()
    projection = public_id("projection.public_id", default=None, allow_null=True)
    price_versions = serializers.ListField(child=serializers.CharField())
    tape = serializers.DateTimeField(allow_null=True)


class ResultShape(UnderShape):
    """A stored answer, in the shape of POST /continuity/{question}; offers end in minutes and are not in it."""

    by = serializers.CharField()
    answer = serializers.SerializerMethodField()

    @extend_schema_field({"type": "object"})
    def get_answer(self, result: ScenarioResult) -> Any:
        return ANSWERS[result.scenario.question](result.document).data


class ScenarioShape(serializers.Serializer[Any]):
    """A question that was kept, with the answer worked out last."""

    id = public_id()
    object = ObjectField("scenario")
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    allowed_actions = serializers.SerializerMethodField()
    name = serializers.CharField()
    question = serializers.ChoiceField(choices=QUESTIONS)
    inputs = serializers.JSONField(help_text="As it was asked, ready to ask again")
    visibility = serializers.ChoiceField(choices=VISIBILITIES)
    author = serializers.CharField()
    archived_at = serializers.DateTimeField(allow_null=True)
    results = serializers.SerializerMethodField(help_text="How often it was worked out")
    result = serializers.SerializerMethodField()

    def get_allowed_actions(self, scenario: Scenario) -> list[str]:
        who: Actor = self.context["who"]
        return may_do(scenario, who, is_admin=self.context["is_admin"])

    def get_results(self, scenario: Scenario) -> int:
        return int(scenario.answers)

    @extend_schema_field(ResultShape)
    def get_result(self, scenario: Scenario) -> Any:
        latest = scenario.latest
        latest.scenario = scenario
        return ResultShape(latest).data


class ScenarioList(ListShape):
    data = ScenarioShape(many=True)


class ScenarioParams(PageParams):
    question = serializers.ChoiceField(choices=QUESTIONS, required=False)
    archived = serializers.ChoiceField(
        choices=["yes", "no"], required=False, help_text="Left out: those that are not archived"
    )


class KeptShape(Strict):
    """A question to keep."""

    name = Text(help_text=f"1 to {LONGEST_NAME} characters")
    question = serializers.ChoiceField(choices=QUESTIONS)
    inputs = serializers.JSONField(help_text="The body of POST /continuity/{question}")
    visibility = serializers.ChoiceField(choices=VISIBILITIES, required=False, help_text="Left out: private")


class ScenarioChangesShape(Strict):
    """What is left out stays."""

    name = Text(required=False)
    visibility = serializers.ChoiceField(choices=VISIBILITIES, required=False)
    archived = serializers.BooleanField(required=False)


class ComparedScenarioShape(serializers.Serializer[Any]):
    scenario = serializers.CharField()
    name = serializers.CharField()
    question = serializers.CharField()
    at = serializers.DateTimeField()
    projection = serializers.CharField(allow_null=True)


class ComparedFigureShape(serializers.Serializer[Any]):
    """One figure of all the scenarios, in their order; null where an answer has none."""

    code = serializers.CharField()
    unit = serializers.CharField()
    values = serializers.JSONField()


class ComparisonShape(serializers.Serializer[Any]):
    object = serializers.CharField(default="scenario_comparison")
    scenarios = ComparedScenarioShape(many=True)
    figures = ComparedFigureShape(many=True)


class ComparisonParams(Strict):
    scenarios = Text(help_text="Ids of 2 to 4 scenarios, with commas between")
