from django.db import models

from marketplace.parties.models import Organisation
from marketplace.units.ids import new_id


def new_enquiry_id() -> str:
    return new_id("enq")


class Enquiry(models.Model):
    """What somebody asked for, and whether the market had an answer: what the demand forecast is made of."""

    public_id = models.CharField(max_length=40, unique=True, default=new_enquiry_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, null=True, related_name="enquiries")
    need = models.JSONField()
    offers = models.PositiveIntegerField(help_text="How many offers answered it")
    refusal = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "enquiries"

    def __str__(self) -> str:
        return self.public_id
