from django.db import models


class Entry(models.Model):
    """One thing that somebody did. Append-only (a trigger refuses changes); plain ids, so it can be partitioned."""

    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=254)
    user_id = models.BigIntegerField(null=True)
    key_id = models.BigIntegerField(null=True)
    organisation_id = models.BigIntegerField(null=True)
    verb = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)

    class Meta:
        verbose_name = "journal entry"
        verbose_name_plural = "journal"
        indexes = [models.Index(fields=["subject", "-id"], name="journal_subject")]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.subject}"
