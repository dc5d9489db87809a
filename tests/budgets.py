"""An organisation with a cost centre by the month, and what its budgets say as plain SQL sees it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import connection, transaction

from marketplace.journal.actor import SYSTEM
from marketplace.parties import budgets
from marketplace.parties.budget_periods import MONTH, period_of
from marketplace.parties.models import Organisation
from marketplace.parties.spending import Budget, CostCentre
from marketplace.units.money import Money
from marketplace.units.period import Period

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=24)
JANUARY, FEBRUARY, MARCH = date(2027, 1, 1), date(2027, 2, 1), date(2027, 3, 1)
BLOCK = Period(date(2027, 1, 22), date(2027, 2, 11))  # 10 days in January, 10 in February


@transaction.atomic
def a_cost_centre(*amounts: int, first: date = JANUARY, period: str = MONTH) -> CostCentre:
    """A cost centre with these amounts in its first periods."""
    bank, _ = Organisation.objects.get_or_create(name="First Bank", defaults={"country": "DE"})
    centre = budgets.open_cost_centre(
        organisation=bank, code=f"C{bank.cost_centres.count()}", name="Research", period=period, by=SYSTEM, now=NOW
    )
    start = first
    for amount in amounts:
        budgets.set_budget(cost_centre=centre, start=start, amount=Decimal(amount), by=SYSTEM, now=NOW)
        start = period_of(start, period).end
    return centre


def usd(amount: int | str | Decimal) -> Money:
    return Money(Decimal(amount).quantize(Decimal("0.01")))


def spend(centre: CostCentre, holder: str, total: int | str, block: Period = BLOCK) -> None:
    budgets.spend(cost_centre=centre, holder=holder, total=usd(total), block=block, now=NOW)


def reserve(centre: CostCentre, holder: str, total: int | str, block: Period = BLOCK) -> None:
    budgets.reserve(cost_centre=centre, holder=holder, total=usd(total), block=block, expires_at=LATER, now=NOW)


def taken(centre: CostCentre) -> list[tuple[int, int]]:
    """(reserved, spent) of each period, in whole dollars."""
    return [(int(b.reserved), int(b.spent)) for b in Budget.objects.filter(cost_centre=centre)]


def unequal() -> list[int]:
    """Budgets whose totals are not the sum of their entries."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT b.id FROM marketplace_budget b LEFT JOIN marketplace_budgetentry e ON e.budget_id = b.id
            GROUP BY b.id HAVING b.reserved <> COALESCE(sum(e.reserved), 0) OR b.spent <> COALESCE(sum(e.spent), 0)
            """
        )
        return [budget for (budget,) in cursor.fetchall()]
