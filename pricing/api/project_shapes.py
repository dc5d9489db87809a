"""How projects and projections look over REST."""

from typing import Any

from rest_framework import serializers

from marketplace.api.fields import ObjectField, public_id
from marketplace.api.pagination import ListShape, PageParams
from marketplace.api.strict import Text
from marketplace.supply.models import MILESTONE_KINDS


class ReadyShape(serializers.Serializer[Any]):
    """Days by which 10, 50 and 90 % of the scenarios are ready; the mean for your own projects."""

    p10 = serializers.DateField()
    p50 = serializers.DateField()
    p90 = serializers.DateField()
    expected = serializers.DateField(allow_null=True)


class DatesShape(serializers.Serializer[Any]):
    """A project's dates in one version."""

    p50 = serializers.DateField()
    p90 = serializers.DateField()
    expected = serializers.DateField(allow_null=True, help_text="Your own projects only")


class NoteShape(serializers.Serializer[Any]):
    date = serializers.DateField()
    text = serializers.CharField()


class MilestoneShape(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=MILESTONE_KINDS)
    planned = serializers.DateField(help_text="As first announced")
    forecast = serializers.DateField(allow_null=True)
    actual = serializers.DateField(allow_null=True)
    slip_days = serializers.IntegerField(help_text="Actual, else forecast, less planned; early is negative")
    notes = NoteShape(many=True)


class ProjectShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("project")
    pool = serializers.CharField(help_text="Id of the pool that its GPUs come to")
    site = serializers.CharField(help_text="Id of the site")
    phase = serializers.IntegerField(help_text="Its place among the campus's phases, from 1")
    gpus = serializers.IntegerField(help_text="Negative where it retires them")
    mw = serializers.DecimalField(9, 2)
    planned = serializers.DateField(allow_null=True, help_text="The last of its milestones as first announced")
    ready = ReadyShape(allow_null=True)
    waits_for = serializers.CharField(
        allow_null=True, help_text="The milestone that is most often the last, where its provider shows causes to you"
    )
    projection = serializers.CharField(allow_null=True, help_text="Id of the projection that says so")
    exact = serializers.BooleanField(help_text="True for your own: what follows is known to you alone")
    name = serializers.CharField(allow_null=True)
    retires_on = serializers.DateField(allow_null=True)
    bottlenecks = serializers.DictField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="Kind of milestone: share of the scenarios in which it is the last",
    )
    milestones = MilestoneShape(
        many=True, allow_null=True, help_text="Of others' projects as far as, and from when, their provider shows them"
    )


class ProjectList(ListShape):
    data = ProjectShape(many=True)


class ProjectParams(PageParams):
    pool = Text(required=False, help_text="Only projects of this pool")
    site = Text(required=False, help_text="Only projects at this site")


class CauseShape(serializers.Serializer[Any]):
    """One reason, with the days that it alone moved P50 and P90: the causes of a project are its whole move."""

    kind = serializers.CharField(help_text="time, policy, dates, disruptions, size or unknown")
    said = serializers.ListField(child=serializers.CharField())
    p50_days = serializers.IntegerField()
    p90_days = serializers.IntegerField()


class ProjectMoveShape(serializers.Serializer[Any]):
    project = serializers.CharField()
    before = DatesShape(allow_null=True, help_text="Null for a project that is new, or without a date")
    after = DatesShape(allow_null=True)
    p50_days = serializers.IntegerField(allow_null=True, help_text="Later is positive")
    p90_days = serializers.IntegerField(allow_null=True)
    expected_days = serializers.IntegerField(allow_null=True, help_text="Your own projects only")
    causes = CauseShape(many=True, allow_null=True, help_text="Your own projects only")


class ChangeShape(serializers.Serializer[Any]):
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    largest = serializers.IntegerField(help_text="GPUs, more is positive")
    largest_on = serializers.DateField()


class PoolMoveShape(serializers.Serializer[Any]):
    pool = serializers.CharField()
    p90 = ChangeShape(allow_null=True)
    p50 = ChangeShape(allow_null=True)
    causes = CauseShape(many=True)


class MovedShape(serializers.Serializer[Any]):
    """What moved since the version before: the dates that the board shows, and your own projects and pools whole."""

    since = serializers.CharField()
    policy = serializers.ListField(child=serializers.CharField())
    projects = ProjectMoveShape(many=True)
    pools = PoolMoveShape(many=True)


class ProjectionShape(serializers.Serializer[Any]):
    id = public_id()
    object = ObjectField("projection")
    created_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField(help_text="When its limits were in force in every pool")
    first_day = serializers.DateField()
    days = serializers.IntegerField()
    scenarios = serializers.IntegerField()


class ProjectionWithMovesShape(ProjectionShape):
    moved = MovedShape(allow_null=True, help_text="Null for the first version")


class ProjectionList(ListShape):
    data = ProjectionShape(many=True)
