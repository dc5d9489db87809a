from datetime import datetime

from django.db import models
from django.db.models import Q

from marketplace.parties.models import Organisation, User
from marketplace.units.ids import new_id
from pricing.quotes.models import ACCEPTED, EXPIRED, OPEN, RELEASED, Quote

WITH_SALES, WITHDRAWN, LAPSED = "with_sales", "withdrawn", "lapsed"
STATUSES = (OPEN, WITH_SALES, WITHDRAWN, ACCEPTED)
STATES = (*STATUSES, LAPSED)
BUYER, ENGINE, SALES = "buyer", "engine", "sales"
COUNTERED, ANSWERED, GRANTED, TOOK, INSISTED, WITHDREW, REPLIED, ACCEPTED_STEP = (
    "countered", "answered", "granted", "took", "insisted", "withdrew", "replied", "accepted",
)  # fmt: skip
OFFERED, DECLINED, ASKED = "offered", "declined", "asked"
VERBS = (
    COUNTERED, ANSWERED, GRANTED, TOOK, INSISTED, WITHDREW, REPLIED, ACCEPTED_STEP, OFFERED, DECLINED, ASKED,
)  # fmt: skip
OF_THE_QUOTE = {ACCEPTED: ACCEPTED, RELEASED: WITHDRAWN, EXPIRED: LAPSED}


def new_negotiation_id() -> str:
    return new_id("neg")


def own_sellers(user: User) -> list[int]:
    """The sellers to which a person belongs: none for the market's own staff, who see all of them."""
    sellers = Organisation.objects.filter(members=user, pools__isnull=False).values_list("pk", flat=True)
    return list(sellers.distinct())


class NegotiationQuerySet(models.QuerySet["Negotiation"]):
    def of(self, organisation_id: int) -> "NegotiationQuerySet":
        """The tenant's wall: every read for a customer starts here."""
        return self.filter(organisation_id=organisation_id)

    def for_staff(self, user: User) -> "NegotiationQuerySet":
        """Who belongs to a seller sees that seller's own; the market's staff see all."""
        own = own_sellers(user)
        return self.filter(seller_id__in=own) if own else self.all()

    def with_quotes(self) -> "NegotiationQuerySet":
        return self.select_related(
            "organisation", "seller", "quote__pool__site", "quote__pool__accelerator", "quote__pool__seller"
        )

    def about(self, quote: str) -> "NegotiationQuerySet":
        """The thread that has this quote on the table, or had it at some time."""
        made = Q(pk__in=Step.objects.filter(quote__public_id=quote).values("negotiation"))
        return self.filter(Q(quote__public_id=quote) | Q(opened_with__public_id=quote) | made)

    def in_state(self, state: str, now: datetime) -> "NegotiationQuerySet":
        """Those whose `state(now)` is this one."""
        running = Q(quote__status=OPEN, quote__expires_at__gt=now)
        over = {
            LAPSED: Q(status__in=(OPEN, WITH_SALES))
            & (Q(quote__status=EXPIRED) | Q(quote__status=OPEN, quote__expires_at__lte=now)),
            WITHDRAWN: Q(status=WITHDRAWN) | Q(status__in=(OPEN, WITH_SALES), quote__status=RELEASED),
            ACCEPTED: Q(status=ACCEPTED) | Q(status__in=(OPEN, WITH_SALES), quote__status=ACCEPTED),
        }
        return self.filter(over[state] if state in over else Q(status=state) & running)


class Negotiation(models.Model):
    """A thread about a block: what the buyer asks back, and what engine and sales answer. `quote` is on the table."""

    public_id = models.CharField(max_length=40, unique=True, default=new_negotiation_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="negotiations")
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    opened_with = models.OneToOneField(Quote, on_delete=models.PROTECT, related_name="+")
    quote = models.OneToOneField(Quote, on_delete=models.PROTECT, related_name="negotiation")
    status = models.CharField(max_length=12, choices=[(s, s) for s in STATUSES], default=OPEN)
    wanted = models.JSONField(null=True, help_text="What the buyer asked for last: terms, and a total or unit price")
    opened_at = models.DateTimeField()
    with_sales_since = models.DateTimeField(null=True)
    steps_taken = models.PositiveIntegerField(default=0)

    objects = NegotiationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["organisation", "-id"], name="negotiation_of_organisation"),
            models.Index(fields=["with_sales_since"], condition=Q(status=WITH_SALES), name="negotiation_with_sales"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status=WITH_SALES) | Q(with_sales_since__isnull=False), name="sales_are_asked_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return self.public_id

    def state(self, now: datetime) -> str:
        """Its status by the clock: it is over when the quote on the table is."""
        if self.status not in (OPEN, WITH_SALES):
            return self.status
        return OF_THE_QUOTE.get(self.quote.state(now), self.status)


class StepQuerySet(models.QuerySet["Step"]):
    def in_order(self) -> "StepQuerySet":
        return self.order_by("number").select_related("quote")


class Step(models.Model):
    """One thing that was said or done, with the terms before and after it. Append-only: a trigger refuses changes."""

    negotiation = models.ForeignKey(Negotiation, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    side = models.CharField(max_length=6, choices=[(s, s) for s in (BUYER, ENGINE, SALES)])
    by = models.CharField(max_length=254)
    by_user_id = models.BigIntegerField(null=True)
    by_key_id = models.BigIntegerField(null=True)
    verb = models.CharField(max_length=10, choices=[(v, v) for v in VERBS])
    sentence = models.TextField(blank=True)
    before = models.JSONField(help_text="Terms on the table before it")
    after = models.JSONField(help_text="Terms asked for, offered or agreed by it")
    trades = models.JSONField(default=list, help_text="What could be taken: id, terms, total")
    quote = models.ForeignKey(Quote, on_delete=models.PROTECT, null=True, related_name="+", help_text="Made by it")
    note = models.TextField(blank=True, help_text="For staff alone: never shown to the buyer")

    objects = StepQuerySet.as_manager()

    class Meta:
        ordering = ["negotiation", "number"]
        constraints = [models.UniqueConstraint(fields=["negotiation", "number"], name="steps_are_numbered")]

    def __str__(self) -> str:
        return f"{self.negotiation_id}.{self.number} {self.side} {self.verb}"
