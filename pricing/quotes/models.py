from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from marketplace.catalogue.models import Pool, ServiceSpec
from marketplace.parties.models import Organisation
from marketplace.screening.models import EndCustomer
from marketplace.units.compute import Footprint, gpu_hours
from marketplace.units.firmness import CHOICES
from marketplace.units.ids import new_id
from marketplace.units.money import Money, unit_price
from marketplace.units.period import Period
from pricing.curve.models import PriceVersion
from pricing.quotes.contracts import ContractPolicy, contract_of

OPEN, ACCEPTED, RELEASED, EXPIRED, REPLACED = "open", "accepted", "released", "expired", "replaced"
STATUSES = (OPEN, ACCEPTED, RELEASED, EXPIRED, REPLACED)
BUY, EXTEND, RESIZE, MOVE, END_EARLY, CANCEL = "buy", "extend", "resize", "move", "end_early", "cancel"
KINDS = [
    (BUY, "Buy"),
    (EXTEND, "Extend"),
    (RESIZE, "Resize"),
    (MOVE, "Move dates"),
    (END_EARLY, "End early"),
    (CANCEL, "Cancel"),
]


def new_quote_id() -> str:
    return new_id("qte")


class TermsDocument(models.Model):
    """The contract's text, by version. Never edited: a quote names the version and its hash."""

    version = models.CharField(max_length=20, unique=True)
    title = models.CharField(max_length=120)
    text = models.TextField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the text")
    in_force_from = models.DateTimeField()

    class Meta:
        ordering = ["-in_force_from"]

    def __str__(self) -> str:
        return f"{self.title} {self.version}"


class QuoteQuerySet(models.QuerySet["Quote"]):
    def of(self, organisation_id: int) -> "QuoteQuerySet":
        """The tenant's wall: every read for a customer starts here."""
        return self.filter(organisation_id=organisation_id)

    def with_terms(self) -> "QuoteQuerySet":
        return self.select_related(
            "pool__site",
            "pool__accelerator",
            "pool__seller",
            "price_version",
            "terms",
            "spec",
            "organisation",
            "bundle",
            "on_behalf_of",
            "replaces",
            "replaced_by",
        )

    def in_state(self, state: str, now: datetime) -> "QuoteQuerySet":
        """Those whose `state(now)` is this one."""
        if state == OPEN:
            return self.filter(status=OPEN, expires_at__gt=now)
        if state == EXPIRED:
            return self.filter(Q(status=EXPIRED) | Q(status=OPEN, expires_at__lte=now))
        return self.filter(status=state)

    def matching(
        self,
        *,
        now: datetime,
        status: str | None = None,
        pool: str | None = None,
        client_reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> "QuoteQuerySet":
        """Narrowed to what is given; `metadata` to quotes that have all of these entries."""
        found = self if status is None else self.in_state(status, now)
        if pool is not None:
            found = found.filter(pool__public_id=pool)
        if client_reference is not None:
            found = found.filter(client_reference=client_reference)
        return found.filter(metadata__contains=dict(metadata)) if metadata else found

    def lapsed(self, now: datetime) -> "QuoteQuerySet":
        """Open in the row, expired by the clock: what a sweep has yet to write down."""
        return self.filter(status=OPEN, expires_at__lte=now)


def _days_of(line: dict[str, Any]) -> int:
    """Of a line of a change."""
    return (date.fromisoformat(line["end_exclusive"]) - date.fromisoformat(line["start"])).days


class Quote(models.Model):
    """Firm terms for a block, frozen, with the hold that keeps its capacity until it expires."""

    public_id = models.CharField(max_length=40, unique=True, default=new_quote_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="quotes")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="+")
    firmness = models.CharField(max_length=10, choices=CHOICES)
    quantity = models.PositiveIntegerField(help_text="Physical GPUs")
    asked_quantity = models.PositiveIntegerField(help_text="Before rounding up to whole lots")
    start = models.DateField()
    end = models.DateField(help_text="Not included: the block ends as this day begins")
    total = models.DecimalField(max_digits=18, decimal_places=2)
    list_total = models.DecimalField(max_digits=18, decimal_places=2, help_text="Before terms")
    prepayment_percent = models.PositiveSmallIntegerField(
        default=0, help_text="Share paid up front, the buyer's choice"
    )
    currency = models.CharField(max_length=3, default="USD")
    breakdown = models.JSONField(help_text="[{code, amount}], adds up to the total")
    use = ArrayField(
        models.IntegerField(),
        help_text="Use found under the lock, GPUs a day: what it was priced at",
    )
    price_version = models.ForeignKey(PriceVersion, on_delete=models.PROTECT, related_name="+")
    delivery_confidence = models.DecimalField(max_digits=5, decimal_places=4)
    spec = models.ForeignKey(ServiceSpec, on_delete=models.PROTECT, related_name="+")
    terms = models.ForeignKey(TermsDocument, on_delete=models.PROTECT, related_name="+")
    terms_digest = models.CharField(max_length=64)
    kind = models.CharField(max_length=10, choices=KINDS, default=BUY, help_text="What accepting it does")
    changes = models.CharField(max_length=40, blank=True, help_text="The reservation that it would change")
    lines = models.JSONField(
        default=list, help_text="Of a change: what is added and returned, [{code, start, end, quantity, amount}]"
    )
    contract = models.ForeignKey(ContractPolicy, on_delete=models.PROTECT, null=True, related_name="+")
    claim_id = models.BigIntegerField(
        null=True,
        help_text="None where a change holds no capacity. A quote of the same block that replaces this one has it, too",
    )
    bundle = models.ForeignKey(
        "pricing.Bundle",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="parts",
        db_index=False,  # the unique constraint has one, of parts alone: other quotes pay nothing for it
        help_text="Where it is a part: it moves with the others alone",
    )
    bundle_part = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Its place among them, from 0")
    status = models.CharField(max_length=10, choices=[(s, s) for s in STATUSES])
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)
    expires_at = models.DateTimeField()
    client_reference = models.CharField(max_length=120, null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    on_behalf_of = models.ForeignKey(
        EndCustomer,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="The end customer of a reseller",
    )
    hold_days = models.PositiveSmallIntegerField(default=0, help_text="For how many days a long hold was taken")
    hold_fee = models.DecimalField(
        max_digits=18, decimal_places=2, default=Decimal(0), help_text="Its fee, credited when the quote is accepted"
    )
    is_negotiated = models.BooleanField(default=False, help_text="A negotiation is about this quote")
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by", editable=False
    )
    concession = models.DecimalField(
        max_digits=18, decimal_places=2, default=Decimal(0), help_text="What sales granted below the published price"
    )

    objects = QuoteQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="quote_of_organisation"),
            models.Index(fields=["expires_at"], condition=Q(status=OPEN), name="quote_open_until"),
            # A client looks for its own reference, whatever became of the quote; one without pays nothing for it.
            models.Index(
                fields=["organisation", "client_reference"],
                condition=Q(client_reference__isnull=False),
                name="quote_of_client_reference",
            ),
            # What an organisation holds and let lapse, without a look at the millions of quotes that it accepted.
            models.Index(
                fields=["organisation", "expires_at"], condition=Q(status__in=(OPEN, EXPIRED)), name="quote_not_taken"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="quote_ends_after_start"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0) & (Q(total__gte=0) | ~Q(kind=BUY)), name="quote_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(kind=BUY, changes="", claim_id__isnull=False) | ~Q(kind=BUY) & ~Q(changes=""),
                name="a_change_names_what_it_changes",
            ),
            models.CheckConstraint(condition=Q(prepayment_percent__lte=100), name="quote_prepays_a_share"),
            models.CheckConstraint(condition=Q(hold_fee__gte=0, concession__gte=0), name="quote_fees_not_negative"),
            models.UniqueConstraint(
                fields=["bundle", "bundle_part"],
                condition=Q(bundle__isnull=False),
                name="one_quote_per_part_of_a_bundle",
            ),
            models.CheckConstraint(
                condition=Q(bundle=None, bundle_part=None) | Q(bundle__isnull=False, bundle_part__isnull=False),
                name="a_part_has_a_place",
            ),
            models.UniqueConstraint(
                fields=["organisation", "client_reference"],
                condition=~Q(status=REPLACED),
                name="one_quote_per_client_reference",
            ),
            models.UniqueConstraint(fields=["claim_id"], condition=~Q(status=REPLACED), name="one_quote_per_claim"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def money(self) -> Money:
        return Money(self.total, self.currency)

    @property
    def list_money(self) -> Money:
        return Money(self.list_total, self.currency)

    @property
    def hold_fee_money(self) -> Money:
        return Money(self.hold_fee, self.currency)

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)

    @property
    def gpu_hours(self) -> int:
        return gpu_hours(self.quantity, self.period.days)

    @property
    def held_gpu_hours(self) -> int:
        """What its hold keeps from others: of a change what it adds, and no more."""
        if self.kind == BUY:
            return self.gpu_hours
        added = (line for line in self.lines if line["code"] == "added")
        return sum(gpu_hours(line["quantity"], _days_of(line)) for line in added)

    @property
    def footprint(self) -> Footprint:
        """Energy, carbon and compute of the block."""
        return self.pool.footprint(gpu_hours(self.quantity, self.period.days))

    @property
    def h100_unit_price(self) -> Decimal:
        """Per H100-equivalent hour: what compares accelerators."""
        return unit_price(self.money, self.footprint.h100_hours)

    @property
    def contract_terms(self) -> ContractPolicy:
        """The rules of payment, changes and exits under which it was made."""
        return contract_of(self.contract_id)

    @property
    def up_front_percent(self) -> int:
        """The share of the price that is paid before: the buyer's choice, or the deposit of the contract."""
        return max(self.prepayment_percent, self.contract_terms.deposit_percent)

    def has_expired(self, now: datetime) -> bool:
        """The one place that says when a quote is over: at its expiry, not after it."""
        return self.expires_at <= now

    def state(self, now: datetime) -> str:
        """Its status by the clock, whether or not a sweep has written the expiry down."""
        return EXPIRED if self.status == OPEN and self.has_expired(now) else self.status

    def allowed_actions(self, now: datetime) -> list[str]:
        """A part of a bundle moves with the others: what may be done is said there."""
        if self.state(now) != OPEN or self.bundle_id is not None:
            return []
        if self.kind != BUY:
            return ["accept", "release"]
        return ["accept", "release", "counter", *(["hold"] if self.longest_hold(now) else [])]

    def longest_hold(self, now: datetime) -> int:
        """For how many whole days more it could be held before its block begins, whatever policy says."""
        return max((datetime.combine(self.start, time(), tzinfo=UTC) - self.held_from(now)).days, 0)

    def held_from(self, now: datetime) -> datetime:
        """Where the days of a long hold begin: now, or at the end of the one that was taken already."""
        return self.expires_at if self.hold_days else now
