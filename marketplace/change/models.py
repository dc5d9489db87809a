from django.db import models
from django.db.models import Q


class Change(models.Model):
    """What an organisation's idempotency key has already done, with the answer to give again."""

    organisation_id = models.BigIntegerField()
    key = models.CharField(max_length=255)
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0, help_text="HTTP status of the stored answer")
    answer = models.JSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation_id", "key"], name="one_change_per_key"),
            models.CheckConstraint(condition=~Q(key=""), name="key_is_not_empty"),
        ]
        indexes = [models.Index(fields=["at"], name="change_at")]

    def __str__(self) -> str:
        return self.key
