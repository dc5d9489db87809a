from django.db import models

from marketplace.units.ids import new_id


def new_event_id() -> str:
    return new_id("evt")


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, organisation_id: int) -> "EventQuerySet":
        """An organisation sees its own events and no others."""
        return self.filter(organisation_id=organisation_id)


class Event(models.Model):
    """A change that another party could care about, written with the change itself. Append-only."""

    public_id = models.CharField(max_length=40, unique=True, default=new_event_id, editable=False)
    organisation_id = models.BigIntegerField(null=True)
    name = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    data = models.JSONField()
    created_at = models.DateTimeField()

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["organisation_id", "-id"], name="event_organisation")]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}"
