"""Scenarios: a question to the continuity planner that was kept, with what it was answered with, and when."""

from typing import Any

from django.db import models
from django.db.models import Q

from marketplace.journal.actor import Actor
from marketplace.parties.models import Organisation
from marketplace.supply.models import Projection
from marketplace.units.ids import new_id
from reservations.continuity.asked import QUESTIONS

PRIVATE, ORGANISATION = "private", "organisation"
VISIBILITIES = [(PRIVATE, "Only its author"), (ORGANISATION, "The whole organisation")]
LONGEST_NAME = 120


def new_scenario_id() -> str:
    return new_id("scn")


class ScenarioQuerySet(models.QuerySet["Scenario"]):
    def of(self, organisation_id: int) -> "ScenarioQuerySet":
        """The tenant's wall: every read for a customer starts here, and goes on to `queries.visible`."""
        return self.filter(organisation_id=organisation_id)

    def with_latest(self) -> "ScenarioQuerySet":
        """With the answer worked out last and how many there are (`answers`): earlier ones are large, and not read."""
        newest = ScenarioResult.objects.order_by("scenario_id", "-pk").distinct("scenario_id")
        found = self.select_related("organisation").annotate(answers=models.Count("results")).order_by("-pk")
        return found.prefetch_related(models.Prefetch("results", newest.select_related("projection")))


class Scenario(models.Model):
    """A question that was kept. Its answers are never edited: working it out again adds one."""

    public_id = models.CharField(max_length=40, unique=True, default=new_scenario_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="scenarios")
    name = models.CharField(max_length=LONGEST_NAME)
    question = models.CharField(max_length=10, choices=QUESTIONS)
    inputs = models.JSONField(help_text="As it was asked, ready to ask again")
    visibility = models.CharField(max_length=12, choices=VISIBILITIES, default=PRIVATE)
    author = models.CharField(max_length=254, help_text="The person or key that kept it")
    author_user_id = models.BigIntegerField(null=True)
    author_key_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    answers: int  # read by `with_latest`

    objects = ScenarioQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["organisation", "-id"], name="scenario_of_organisation")]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="scenario_has_a_name"),
            models.CheckConstraint(
                condition=Q(question__in=[kind for kind, _ in QUESTIONS]), name="scenario_question_is_known"
            ),
            models.CheckConstraint(
                condition=Q(visibility__in=[word for word, _ in VISIBILITIES]), name="scenario_visibility_is_known"
            ),
            models.CheckConstraint(
                condition=Q(author_user_id=None) | Q(author_key_id=None), name="scenario_has_one_author"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def latest(self) -> "ScenarioResult":
        """The answer worked out last; there is always one. `with_latest` reads no other."""
        return max(self.results.all(), key=lambda result: result.pk)

    def is_by(self, who: Actor) -> bool:
        """Whether this person, or this key, kept it."""
        if who.key_id is not None:
            return self.author_key_id == who.key_id
        return who.user_id is not None and self.author_user_id == who.user_id


class ScenarioResult(models.Model):
    """One answer to a scenario, with the versions of supply and prices that it was worked out under."""

    scenario = models.ForeignKey(Scenario, on_delete=models.CASCADE, related_name="results")
    at = models.DateTimeField()
    by = models.CharField(max_length=254)
    projection = models.ForeignKey(Projection, on_delete=models.SET_NULL, null=True, related_name="+")
    price_versions = models.JSONField(default=list)
    tape = models.DateTimeField(null=True, help_text="Tick of the tape that forward prices were read from")
    document = models.JSONField(help_text="The answer, without offers: those end in minutes")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["scenario", "-id"], name="result_of_scenario")]

    def __str__(self) -> str:
        return f"{self.scenario} of {self.at:%Y-%m-%d %H:%M}"

    @property
    def figures(self) -> dict[str, Any]:
        """The numbers that it is judged by, by code."""
        return {each["code"]: each for each in self.document.get("headline", ())}
