from django.db import models

from marketplace.parties.models import Organisation


class HoldAccount(models.Model):
    """The row that is locked before an organisation's holds are summed: two at once are counted one after the other."""

    organisation = models.OneToOneField(Organisation, on_delete=models.PROTECT, primary_key=True, related_name="+")

    def __str__(self) -> str:
        return f"holds of {self.organisation_id}"
