"""What is done to cost centres and their budgets. The rows are changed by functions in sql/0007_budgets.sql."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from django.db import IntegrityError, connection
from psycopg import errors

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.budget_periods import LENGTH, Share, in_words, period_from, spread
from marketplace.parties.models import Organisation
from marketplace.parties.spending import RELEASED, RESERVED, SPENT, Budget, BudgetClaim, CostCentre
from marketplace.units.money import MINOR_DIGITS, Money
from marketplace.units.period import Period


class OverBudget(Exception):
    """A budget period does not hold what the purchase needs of it. Nothing was taken.

    `left` is what that period has left, `needed` what falls into it, `fits` the largest total over the same days that
    every period could take.
    """

    def __init__(self, cost_centre: CostCentre, period: Period, needed: Money, left: Money, fits: Money) -> None:
        when = in_words(period, cost_centre.period)
        super().__init__(
            f"Cost centre {cost_centre.code} has {left} left for {when}; this needs {needed} of it. "
            f"For these dates a total of up to {fits} fits. Nothing was accepted."
        )
        self.cost_centre, self.period = cost_centre, period
        self.needed, self.left, self.fits = needed, left, fits


class CostCentreNeeded(Exception):
    """The organisation keeps cost centres: a purchase names one of them, or there is a default."""

    def __init__(self, said: str = "Name one of your organisation's open cost centres. Nothing was accepted.") -> None:
        super().__init__(said)


class CostCentreRefused(ValueError):
    """The cost centre or budget cannot be written so; the text says what would be right."""


@dataclass(frozen=True)
class Charge:
    """What a purchase needs of a cost centre's budgets."""

    cost_centre: CostCentre
    total: Money
    block: Period

    @cached_property
    def shares(self) -> tuple[Share, ...]:
        return spread(self.total, self.block, self.cost_centre.period)


def reserve(
    *, cost_centre: CostCentre, holder: str, total: Money, block: Period, expires_at: datetime, now: datetime
) -> None:
    """Keeps the budget for a purchase that waits for an approval, until `expires_at`. Raises OverBudget."""
    _take(Charge(cost_centre, total, block), holder, RESERVED, expires_at, now)


def spend(*, cost_centre: CostCentre, holder: str, total: Money, block: Period, now: datetime) -> None:
    """Spends the budget for a purchase. Raises OverBudget."""
    _take(Charge(cost_centre, total, block), holder, SPENT, None, now)


def spend_reserved(*, holder: str, now: datetime) -> bool:
    """Turns what was reserved into spent: no sum changes, so it always fits. False where nothing is reserved."""
    return _move(holder, RESERVED, SPENT, now)


def give_back(*, holder: str, now: datetime) -> bool:
    """Gives back what a purchase reserved or spent; False where it holds nothing."""
    return _move(holder, RESERVED, RELEASED, now) or _move(holder, SPENT, RELEASED, now)


def charge_again(*, holder: str, total: Money, block: Period, now: datetime) -> bool:
    """Brings what a purchase has spent to another total or other days: after a change, or what a cancellation costs.

    Raises OverBudget where more is needed than is left. False where the purchase has spent no budget.
    """
    claim = _live(holder, SPENT)
    if claim is None:
        return False
    _moved(claim.pk, SPENT, RELEASED, now)
    if total.amount > 0:
        spend(cost_centre=claim.cost_centre, holder=holder, total=total, block=block, now=now)
    return True


def _take(charge: Charge, holder: str, status: str, expires_at: datetime | None, now: datetime) -> None:
    centre, shares = charge.cost_centre, charge.shares
    if centre.currency != charge.total.currency:
        said = f"{centre.code} is kept in {centre.currency}, the total is in {charge.total.currency}."
        raise CostCentreNeeded(f"Name a cost centre in the currency of the total: {said} Nothing was accepted.")
    starts, amounts = [share.period.start for share in shares], [share.amount for share in shares]
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT budget_take(%s, %s, %s, %s, %s, %s::date[], %s::numeric[])",
                [centre.pk, holder, status, expires_at, now, starts, amounts],
            )
    except IntegrityError as error:
        cause = error.__cause__
        if not isinstance(cause, errors.CheckViolation) or cause.diag.constraint_name != "budget_fits":
            raise
        lefts = [Decimal(left) for left in (cause.diag.message_detail or "").split()]
        raise _over(charge, lefts) from error


def _over(charge: Charge, lefts: Sequence[Decimal]) -> OverBudget:
    """Names the period that binds most: the one that lets the smallest part of the total through."""
    parts = [left / share.amount for left, share in zip(lefts, charge.shares, strict=True) if share.amount > 0]
    part = min(parts)
    share = [share for share in charge.shares if share.amount > 0][parts.index(part)]
    currency = charge.total.currency
    left = lefts[charge.shares.index(share)]
    fits = _most(charge, lefts, part)
    return OverBudget(charge.cost_centre, share.period, Money(share.amount, currency), Money(left, currency), fits)


def _most(charge: Charge, lefts: Sequence[Decimal], part: Decimal) -> Money:
    """The largest total for these days that fits, to the coin: rounding may cost one a period, which is tried out."""
    currency, kind = charge.total.currency, charge.cost_centre.period
    coin = Decimal(1).scaleb(-MINOR_DIGITS[currency])
    total = (charge.total.amount * part // coin) * coin
    while total > 0:
        shares = spread(Money(total, currency), charge.block, kind)
        if all(share.amount <= left for share, left in zip(shares, lefts, strict=True)):
            break
        total -= coin
    return Money(max(total, Decimal(0)), currency)


def _live(holder: str, status: str) -> BudgetClaim | None:
    return BudgetClaim.objects.select_related("cost_centre").filter(holder=holder, status=status).first()


def _move(holder: str, before: str, after: str, now: datetime) -> bool:
    claim = _live(holder, before)
    return claim is not None and _moved(claim.pk, before, after, now)


def _moved(claim_id: int, before: str, after: str, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT budget_move(%s, %s, %s, %s)", [claim_id, before, after, now])
        (moved,) = cursor.fetchone()
    return bool(moved)


def open_cost_centre(
    *,
    organisation: Organisation,
    code: str,
    name: str,
    period: str,
    by: Actor,
    now: datetime,
    currency: str = "USD",
    is_default: bool = False,
) -> CostCentre:
    """Opens a cost centre. From the first one on, every purchase of the organisation is charged to one of them."""
    code, name = code.strip(), name.strip()
    if not code or not name or period not in LENGTH or currency not in MINOR_DIGITS:
        said = f"a code, a name, a period of {', '.join(LENGTH)}, and a currency of {', '.join(MINOR_DIGITS)}"
        raise CostCentreRefused(f"Give {said}.")
    if organisation.cost_centres.filter(code=code).exists():
        raise CostCentreRefused(f"There is a cost centre {code} already: choose another code.")
    if is_default:
        organisation.cost_centres.filter(is_default=True).update(is_default=False)
    centre = CostCentre.objects.create(
        organisation=organisation,
        code=code,
        name=name,
        period=period,
        currency=currency,
        is_default=is_default,
        created_at=now,
    )
    after = {"code": code, "name": name, "period": period, "currency": currency, "is_default": is_default}
    record(by=by, verb="cost_centre.opened", subject=centre.public_id, now=now, after=after)
    return centre


def close_cost_centre(*, cost_centre: CostCentre, by: Actor, now: datetime) -> CostCentre:
    """Nothing more is charged to it; what was stays. Closing twice keeps the first time."""
    if cost_centre.closed_at is None:
        cost_centre.closed_at = now
        cost_centre.save(update_fields=["closed_at"])
        record(by=by, verb="cost_centre.closed", subject=cost_centre.public_id, now=now)
    return cost_centre


def set_budget(*, cost_centre: CostCentre, start: date, amount: Decimal, by: Actor, now: datetime) -> Budget:
    """Sets what a cost centre may spend in the period that begins on `start`. It may be less than is spent already.

    Raises NotAPeriod or CostCentreRefused.
    """
    period = period_from(start, cost_centre.period)
    coin = Decimal(1).scaleb(-MINOR_DIGITS[cost_centre.currency])
    if amount < 0 or amount != amount.quantize(coin):
        raise CostCentreRefused(f"A budget is 0 or more, in steps of {coin} {cost_centre.currency}.")
    CostCentre.objects.select_for_update(no_key=True).get(pk=cost_centre.pk)
    budget, created = Budget.objects.get_or_create(
        cost_centre=cost_centre, start=period.start, defaults={"end": period.end, "amount": amount}
    )
    before = None if created else {"amount": str(budget.amount)}
    if not created:
        budget.amount = amount
        budget.save(update_fields=["amount"])
    after = {"start": period.start.isoformat(), "amount": str(amount)}
    record(by=by, verb="budget.set", subject=cost_centre.public_id, now=now, before=before, after=after)
    return budget
