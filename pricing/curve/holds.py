"""What a policy says of holds: how much an organisation may keep unbought, and what keeping it longer costs."""

from datetime import timedelta
from decimal import Decimal

from django.db import models
from django.db.models import Q

from marketplace.units.money import Money, rounded

PERCENT = Decimal(100)


class HoldRules(models.Model):
    """The part of a price policy that speaks of holds. Every default is an assumption: no seller of this kind of
    capacity publishes such rules."""

    hold_limit_gpu_hours = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        default=100_000_000,
        help_text="Most that one organisation may hold unbought, all its open quotes together. Empty: no limit",
    )
    lapses_to_cooldown = models.PositiveIntegerField(
        null=True,
        blank=True,
        default=10,
        help_text="So many holds left to lapse within the window below begin a cool-down. Empty: never",
    )
    lapse_window_hours = models.PositiveIntegerField(default=24)
    cooldown_minutes = models.PositiveIntegerField(default=60, help_text="No new hold for so long after that lapse")
    long_hold_days = models.PositiveIntegerField(
        default=30, help_text="A quote may be held longer, for at most so many days in all; 0: never"
    )
    long_hold_percent_a_day = models.DecimalField(
        max_digits=6, decimal_places=4, default=Decimal("0.05"), help_text="Its fee: percent of the total for each day"
    )
    long_hold_minimum = models.DecimalField(
        max_digits=12, decimal_places=2, default=Decimal("250"), help_text="No fee is below this, USD"
    )
    long_holds_count = models.BooleanField(default=True, help_text="Long holds count against the limit")
    desk_hold_minutes = models.PositiveIntegerField(
        default=120, help_text="A hold is kept so long, once, while sales answer a buyer who insists"
    )

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(long_hold_percent_a_day__gte=0, long_hold_minimum__gte=0, lapse_window_hours__gte=1),
                name="hold_rules_in_range",
            )
        ]

    @property
    def lapse_window(self) -> timedelta:
        return timedelta(hours=self.lapse_window_hours)

    @property
    def cooldown(self) -> timedelta:
        return timedelta(minutes=self.cooldown_minutes)

    @property
    def desk_hold(self) -> timedelta:
        return timedelta(minutes=self.desk_hold_minutes)

    def long_hold_fee(self, total: Money, days: int) -> Money:
        """What holding a quote of that total for so many days costs in all: credited when the quote is accepted."""
        by_day = total.amount * self.long_hold_percent_a_day / PERCENT * days
        return rounded(max(by_day, self.long_hold_minimum), total.currency)
