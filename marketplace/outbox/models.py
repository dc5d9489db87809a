from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import BigIntegerField, Func, Q, TextField
from django.db.models.functions import Cast

from marketplace.units.ids import new_id

ENABLED, DISABLED, REMOVED = "enabled", "disabled", "removed"
ENDPOINT_STATUSES = [(ENABLED, "Enabled"), (DISABLED, "Disabled"), (REMOVED, "Removed")]
PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
DELIVERY_STATUSES = [(PENDING, "Pending"), (DELIVERED, "Delivered"), (FAILED, "Failed")]
# The number of the transaction that inserts. A restored database counts anew: delivering.py sees to that.
TRANSACTION = Cast(Cast(Func(function="pg_current_xact_id"), TextField()), BigIntegerField())


def new_event_id() -> str:
    return new_id("evt")


def new_endpoint_id() -> str:
    return new_id("whe")


def new_delivery_id() -> str:
    return new_id("whd")


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
    tx = models.BigIntegerField(db_default=TRANSACTION, editable=False, help_text="The transaction that wrote it")

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["organisation_id", "-id"], name="event_organisation"),
            models.Index(fields=["tx", "id"], name="event_transaction"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}"


class EndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def of(self, organisation_id: int) -> "EndpointQuerySet":
        """The tenant's wall; what was removed is gone."""
        return self.filter(organisation_id=organisation_id).exclude(status=REMOVED)


class WebhookEndpoint(models.Model):
    """An address of an organisation to which its events are sent."""

    public_id = models.CharField(max_length=40, unique=True, default=new_endpoint_id, editable=False)
    organisation_id = models.BigIntegerField(db_index=True)
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    events = ArrayField(models.CharField(max_length=60), default=list, help_text="Names; none means every event")
    status = models.CharField(max_length=10, choices=ENDPOINT_STATUSES, default=ENABLED)
    disabled_because = models.CharField(max_length=200, blank=True)
    failing_since = models.DateTimeField(null=True, help_text="The first failure since something was delivered")
    is_slow = models.BooleanField(default=False, help_text="Its last answer took so long that it has a lane apart")
    claimed_at = models.DateTimeField(null=True, help_text="When its turn last came")
    created_at = models.DateTimeField()

    objects = EndpointQuerySet.as_manager()

    class Meta:
        verbose_name = "webhook endpoint"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=[ENABLED, DISABLED, REMOVED]), name="endpoint_status"),
            models.CheckConstraint(condition=~Q(status=DISABLED) | ~Q(disabled_because=""), name="endpoint_says_why"),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookSecret(models.Model):
    """From what an endpoint's secret is derived, and when it ends. The secret itself is nowhere in the database."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="secrets")
    salt = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the secret: tells that the master key is gone")
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint"], condition=Q(ends_at=None), name="one_newest_webhook_secret"),
        ]

    def __str__(self) -> str:
        return f"secret {self.pk} of {self.endpoint_id}"


class WebhookCursor(models.Model):
    """How far events have been turned into deliveries: one row, from the first endpoint on."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    tx = models.BigIntegerField()
    event_id = models.BigIntegerField(default=0)
    floor = models.BigIntegerField(default=0, help_text="Ids up to here came with a restored database, and are read")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_webhook_cursor")]

    def __str__(self) -> str:
        return f"{self.tx}/{self.event_id}"


class DeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def of(self, organisation_id: int) -> "DeliveryQuerySet":
        return self.filter(endpoint__organisation_id=organisation_id).exclude(endpoint__status=REMOVED)


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint. The event is named by plain id and time, so it can be partitioned away."""

    public_id = models.CharField(max_length=40, unique=True, default=new_delivery_id, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries")
    event_id = models.BigIntegerField()
    event_public_id = models.CharField(max_length=40)
    event_name = models.CharField(max_length=60)
    event_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=DELIVERY_STATUSES, default=PENDING)
    tries = models.PositiveIntegerField(default=0, help_text="Since it was last asked for: places it in the schedule")
    next_at = models.DateTimeField(help_text="When it is due")
    leased_until = models.DateTimeField(null=True, help_text="A worker has it in hand until then")
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="one_delivery_per_endpoint_and_event"),
            models.CheckConstraint(condition=Q(status__in=[PENDING, DELIVERED, FAILED]), name="delivery_status"),
            models.CheckConstraint(
                condition=Q(status=PENDING, finished_at=None) | (~Q(status=PENDING) & ~Q(finished_at=None)),
                name="delivery_is_finished",
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "next_at"], condition=Q(status=PENDING), name="delivery_due"),
            models.Index(
                fields=["endpoint", "leased_until"],
                condition=Q(status=PENDING, leased_until__isnull=False),
                name="delivery_leased",
            ),
            models.Index(fields=["endpoint", "-id"], name="delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.event_name} to {self.endpoint_id}"


class WebhookAttempt(models.Model):
    """One request that was made, and what came of it. Append-only."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.PROTECT, related_name="attempts")
    at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status; none where nothing was answered")
    error = models.CharField(max_length=200, blank=True)
    answer = models.TextField(blank=True, help_text="The first bytes of the answer's body")

    class Meta:
        verbose_name = "webhook attempt"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.status or self.error}"
