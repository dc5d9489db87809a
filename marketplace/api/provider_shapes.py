"""How a provider's reports look over REST."""

from typing import Any

from rest_framework import serializers

from marketplace.api.fields import ObjectField, public_id
from marketplace.api.pagination import ListShape
from marketplace.api.strict import Day, Strict, Text
from marketplace.supply.models import AUDIENCES, DISRUPTION_KINDS, MILESTONE_KINDS, SOURCES, WORK_DAYS, Stated
from marketplace.supply.report_files import MOST_BYTES


class ReportRequest(Strict):
    kind = serializers.ChoiceField(choices=MILESTONE_KINDS)
    planned = Day(required=False, help_text="Only for a milestone that the project does not have yet")
    forecast = Day(required=False, allow_null=True, help_text="The day on which it is expected now")
    actual = Day(required=False, allow_null=True, help_text="The day on which it came")
    note = Text(required=False, allow_blank=True, max_length=500, help_text="Why, in plain words")


class PlannedRequest(Strict):
    kind = serializers.ChoiceField(choices=MILESTONE_KINDS)
    planned = Day()
    forecast = Day(required=False, allow_null=True)
    note = Text(required=False, allow_blank=True, max_length=500)


class ProjectRequest(Strict):
    pool = Text(help_text="Id of a pool of yours")
    name = Text(max_length=200)
    gpus = serializers.IntegerField(min_value=1, help_text="In lots of the pool")
    mw = serializers.DecimalField(9, 2, help_text="Facility power that comes with it")
    milestones = PlannedRequest(many=True)


class ReportShape(serializers.Serializer[Any]):
    object = ObjectField("milestone_report")
    at = serializers.DateTimeField()
    kind = serializers.CharField(source="milestone.kind")
    planned = serializers.DateField(source="milestone.planned")
    forecast = serializers.DateField(allow_null=True)
    actual = serializers.DateField(allow_null=True)
    note = serializers.CharField()
    source = serializers.ChoiceField(choices=SOURCES)
    reported_by = serializers.CharField()


class ReportList(ListShape):
    data = ReportShape(many=True)


class StatedShape(serializers.Serializer[Any]):
    id = public_id()
    starts = serializers.DateField()
    ends = serializers.DateField(help_text="The day after the last one")
    reason = serializers.CharField()
    entered_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)
    withdrawn_reason = serializers.CharField()
    allowed_actions = serializers.SerializerMethodField()

    def get_allowed_actions(self, stated: Stated) -> list[str]:
        return [] if stated.withdrawn_at else ["withdraw"]


class DisruptionShape(StatedShape):
    object = ObjectField("disruption")
    kind = serializers.ChoiceField(choices=DISRUPTION_KINDS)
    site = serializers.CharField(source="site.public_id", allow_null=True, default=None)
    pool = serializers.CharField(source="pool.public_id", allow_null=True, default=None)
    project = serializers.CharField(source="project.public_id", allow_null=True, default=None)
    milestone_kinds = serializers.ListField(child=serializers.CharField())
    delay_days = serializers.IntegerField()
    work_days = serializers.IntegerField()
    usable_share = serializers.DecimalField(5, 4, allow_null=True)
    mw_available = serializers.DecimalField(9, 2, allow_null=True)


class DisruptionList(ListShape):
    data = DisruptionShape(many=True)


class DisruptionRequest(Strict):
    kind = serializers.ChoiceField(choices=DISRUPTION_KINDS)
    starts = Day()
    ends = Day(help_text="The day after the last one")
    reason = Text(max_length=1000)
    site = Text(required=False, help_text="Id of a site on which nobody else sells")
    pool = Text(required=False)
    project = Text(required=False)
    milestone_kinds = serializers.ListField(child=Text(max_length=15), default=list)
    delay_days = serializers.IntegerField(min_value=0, default=0)
    work_days = serializers.IntegerField(min_value=0, default=WORK_DAYS)
    usable_share = serializers.DecimalField(5, 4, required=False, help_text="Of the GPUs, 0 to below 1")
    mw_available = serializers.DecimalField(9, 2, required=False, help_text="MW left for the whole site, cooling in")


class MaintenanceShape(StatedShape):
    object = ObjectField("maintenance")
    pool = serializers.CharField(source="pool.public_id")
    usable_share = serializers.DecimalField(5, 4)


class MaintenanceList(ListShape):
    data = MaintenanceShape(many=True)


class MaintenanceRequest(Strict):
    pool = Text()
    starts = Day()
    ends = Day(help_text="The day after the last one")
    reason = Text(max_length=1000)
    usable_share = serializers.DecimalField(5, 4, help_text="Of the GPUs, 0 to below 1")


class WithdrawStatementRequest(Strict):
    reason = Text(max_length=1000, help_text="It stays on record")


class DisclosureShape(serializers.Serializer[Any]):
    object = ObjectField("disclosure")
    version = serializers.IntegerField(help_text="0: the market's own, as long as you have none")
    starts_at = serializers.DateTimeField()
    milestones_to = serializers.ChoiceField(choices=AUDIENCES)
    causes_to = serializers.ChoiceField(choices=AUDIENCES)
    after_days = serializers.IntegerField()


class DisclosureRequest(Strict):
    milestones_to = serializers.ChoiceField(choices=AUDIENCES)
    causes_to = serializers.ChoiceField(choices=AUDIENCES)
    after_days = serializers.IntegerField(min_value=0, max_value=365, default=0, help_text="Until others see a report")


class RecordShape(serializers.Serializer[Any]):
    object = ObjectField("provider_record")
    due = serializers.IntegerField(help_text="Milestones whose first announced day has come")
    came = serializers.IntegerField()
    late = serializers.IntegerField(help_text="Of those that came")
    overdue = serializers.IntegerField(help_text="Those that have not come yet")
    mean_days = serializers.FloatField(allow_null=True)
    median_days = serializers.FloatField(allow_null=True)
    worst_days = serializers.IntegerField(allow_null=True)
    moved_later = serializers.IntegerField(help_text="Reports that moved a date later")
    moved_earlier = serializers.IntegerField()
    bias = serializers.FloatField(help_text="What the projection adds, in the market's deviations; 0 without a record")
    spread = serializers.FloatField(help_text="By how much your dates scatter against the market's; 1 without a record")
    dates = serializers.IntegerField(help_text="On how many milestones the two rest")


class EffectShape(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    project = serializers.CharField()
    kind = serializers.CharField()
    before = serializers.DateField(allow_null=True)
    after = serializers.DateField()
    days = serializers.IntegerField(allow_null=True, help_text="Later is positive")


class FileShape(serializers.Serializer[Any]):
    object = ObjectField("supply_file")
    taken_in = serializers.BooleanField(help_text="False for a dry run")
    changes = EffectShape(many=True)


class FileRequest(Strict):
    csv = Text(max_length=MOST_BYTES, help_text="The file's text, where it is not the body itself")


class FileParams(Strict):
    dry_run = serializers.BooleanField(default=False, help_text="Only say what it would change")
