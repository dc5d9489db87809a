"""Cost centres, their budgets, and who has to agree to a purchase."""

from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from marketplace.parties.budget_periods import CHOICES, QUARTER, in_words, period_of
from marketplace.parties.budgets import close_cost_centre, open_cost_centre, set_budget
from marketplace.parties.chains import Step, chains_of, set_chain, withdraw_chain
from marketplace.parties.models import ADMIN, APPROVER, Membership
from marketplace.parties.spending import ApprovalChain, Budget, CostCentre
from marketplace.units import clock
from marketplace.units.money import USD, Money
from marketplace.units.period import Period
from marketplace.web.access import member_page
from marketplace.web.rules import changed, not_valid, require_admin

BACK = "spending"
STEPS = 3
ROLES = [(APPROVER, "An approver"), (ADMIN, "An administrator")]


class CostCentreForm(forms.Form):
    code = forms.CharField(max_length=40, help_text="Your own, such as 4711.")
    name = forms.CharField(max_length=120)
    period = forms.ChoiceField(choices=CHOICES, initial=QUARTER, label="Budget by")
    is_default = forms.BooleanField(required=False, label="Charged where a purchase names none")


class BudgetForm(forms.Form):
    start = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    amount = forms.DecimalField(min_value=Decimal(0), max_digits=18, decimal_places=2)


class ChainForm(forms.Form):
    above = forms.DecimalField(label="For totals above, USD", min_value=Decimal(0), max_digits=18, decimal_places=2)

    def __init__(self, data: Any, found: Membership) -> None:
        super().__init__(data)
        able = found.organisation.memberships.filter(role__in=(APPROVER, ADMIN)).select_related("user")
        people = [(f"user:{each.user_id}", each.user.name or each.user.email) for each in able]
        for number in range(1, STEPS + 1):
            choices = [("", "Nobody"), *ROLES, *people] if number > 1 else [*ROLES, *people]
            self.fields[f"step_{number}"] = forms.ChoiceField(
                label=f"Step {number}", choices=choices, required=number == 1
            )

    def steps(self) -> list[Step]:
        wanted = [self.cleaned_data[f"step_{number}"] for number in range(1, STEPS + 1)]
        return [_step(each) for each in wanted if each]


def _step(wanted: str) -> Step:
    kind, _, pk = wanted.partition(":")
    return Step(user_id=int(pk)) if pk else Step(role=kind)


@require_GET
@member_page
def show(request: HttpRequest, found: Membership) -> HttpResponse:
    """What is left, period by period, and the chains in force."""
    centres = found.organisation.cost_centres.filter(closed_at=None).prefetch_related("budgets")
    today = clock.today()
    context = {
        "nav": "organisation",
        "may_administer": found.may_administer,
        "centres": [(centre, [_row(centre, budget) for budget in _current(centre)]) for centre in centres],
        "chains": [(Money(chain.above, chain.currency), chain) for chain in chains_of(found.organisation)],
        "centre_form": CostCentreForm(),
        "chain_form": ChainForm(None, found),
        "starts": {centre.pk: period_of(today, centre.period).start for centre in centres},
    }
    return render(request, "marketplace/spending.html", context)


def _current(centre: CostCentre) -> list[Budget]:
    return [budget for budget in centre.budgets.all() if budget.end > clock.today()]


def _row(centre: CostCentre, budget: Budget) -> dict[str, Any]:
    kinds = ("amount", "reserved", "spent")
    money = {kind: Money(getattr(budget, kind), centre.currency) for kind in kinds}
    left = budget.amount - budget.reserved - budget.spent
    when = in_words(Period(budget.start, budget.end), centre.period)
    return {"when": when, "left": Money(left, centre.currency), "is_over": left < 0, **money}


@require_POST
@member_page
def open_centre(request: HttpRequest, found: Membership) -> HttpResponse:
    by, form = require_admin(found), CostCentreForm(request.POST)
    if not form.is_valid():
        return not_valid(request, form, back=BACK)
    asked = form.cleaned_data
    said = f"Opened {asked['code']}. Purchases are charged to cost centres from now on: set its budgets."
    return changed(
        request,
        lambda: open_cost_centre(organisation=found.organisation, by=by, now=clock.now(), **asked),
        said,
        back=BACK,
    )


def _centre(found: Membership, public_id: str) -> CostCentre:
    return get_object_or_404(CostCentre, organisation=found.organisation, public_id=public_id, closed_at=None)


@require_POST
@member_page
def close_centre(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    by, centre = require_admin(found), _centre(found, public_id)
    said = f"{centre.code} is closed: nothing more is charged to it."
    return changed(request, lambda: close_cost_centre(cost_centre=centre, by=by, now=clock.now()), said, back=BACK)


@require_POST
@member_page
def budget(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    by, centre, form = require_admin(found), _centre(found, public_id), BudgetForm(request.POST)
    if not form.is_valid():
        return not_valid(request, form, back=BACK)
    said = f"The budget of {centre.code} from {form.cleaned_data['start']} is set."
    return changed(
        request,
        lambda: set_budget(cost_centre=centre, by=by, now=clock.now(), **form.cleaned_data),
        said,
        back=BACK,
    )


@require_POST
@member_page
def chain(request: HttpRequest, found: Membership) -> HttpResponse:
    by, form = require_admin(found), ChainForm(request.POST, found)
    if not form.is_valid():
        return not_valid(request, form, back=BACK)
    above = Money(form.cleaned_data["above"], USD)
    said = "The chain is set. Requests that are under way keep the steps with which they began."
    return changed(
        request,
        lambda: set_chain(organisation=found.organisation, above=above, steps=form.steps(), by=by, now=clock.now()),
        said,
        back=BACK,
    )


@require_POST
@member_page
def withdraw(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    by = require_admin(found)
    row = get_object_or_404(ApprovalChain, organisation=found.organisation, public_id=public_id, withdrawn_at=None)
    said = "The chain is withdrawn: nobody is asked by it any more."
    return changed(request, lambda: withdraw_chain(chain=row, by=by, now=clock.now()), said, back=BACK)
