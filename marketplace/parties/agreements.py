"""Who has signed what, and who may bind whom: master agreements, and the authority to buy under them."""

from datetime import date, datetime

from django.db import models
from django.db.models import F, Q

from marketplace.parties.models import ApiKey, Organisation, User
from marketplace.units.ids import new_id
from marketplace.units.money import USD, Money


def new_agreement_id() -> str:
    return new_id("agr")


def new_authority_id() -> str:
    return new_id("aut")


class MasterAgreementQuerySet(models.QuerySet["MasterAgreement"]):
    def in_force(self, day: date) -> "MasterAgreementQuerySet":
        return self.filter(Q(until=None) | Q(until__gt=day), in_force_from__lte=day)


class MasterAgreement(models.Model):
    """The contract under which an organisation buys: of one seller, or of Headroom for every seller's pools.

    Never edited: it is ended (`until`), and what was bought under it stays bought.
    """

    public_id = models.CharField(max_length=40, unique=True, default=new_agreement_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="agreements")
    seller = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="Empty: with Headroom, as principal or as the seller's agent, for every pool",
    )
    document_version = models.CharField(max_length=40)
    document_digest = models.CharField(max_length=64, help_text="SHA-256 of the signed document, in hexadecimal")
    signed_on = models.DateField()
    signed_by = models.CharField(max_length=200, help_text="Who signed for the organisation")
    in_force_from = models.DateField()
    until = models.DateField(null=True, blank=True, help_text="Not included: no longer in force as this day begins")
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=254)

    objects = MasterAgreementQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gt=F("in_force_from")), name="agreement_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(document_digest__regex=r"^[0-9a-f]{64}$"), name="agreement_digest_is_sha256"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation} with {self.seller or 'Headroom'}, {self.document_version}"

    def is_in_force(self, day: date) -> bool:
        return self.in_force_from <= day and (self.until is None or day < self.until)


class SigningAuthority(models.Model):
    """A person or an API key that may bind the organisation, up to an amount a purchase, under one agreement."""

    public_id = models.CharField(max_length=40, unique=True, default=new_authority_id, editable=False)
    agreement = models.ForeignKey(MasterAgreement, on_delete=models.PROTECT, related_name="authorities")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    amount = models.DecimalField(max_digits=18, decimal_places=2, help_text="The most that one purchase may cost")
    currency = models.CharField(max_length=3, default=USD)
    granted_at = models.DateTimeField()
    granted_by = models.CharField(max_length=254)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "signing authorities"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None, api_key__isnull=False) | Q(user__isnull=False, api_key=None),
                name="authority_of_one_signatory",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="authority_is_for_an_amount"),
            models.UniqueConstraint(
                fields=["agreement", "user", "currency"], condition=Q(revoked_at=None), name="one_authority_a_person"
            ),
            models.UniqueConstraint(
                fields=["agreement", "api_key", "currency"], condition=Q(revoked_at=None), name="one_authority_a_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.signatory} up to {self.limit}"

    @property
    def signatory(self) -> str:
        return str(self.user or self.api_key)

    @property
    def limit(self) -> Money:
        return Money(self.amount, self.currency)

    def is_in_force(self, now: datetime) -> bool:
        return self.revoked_at is None and self.agreement.is_in_force(now.date())
