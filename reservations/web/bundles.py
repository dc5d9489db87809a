"""Accepting a bundle on the web."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from marketplace.change import change
from marketplace.parties.budgets import CostCentreNeeded, OverBudget
from marketplace.parties.models import Membership
from marketplace.parties.signing import NoAgreement, NoAuthority
from marketplace.screening.queries import ScreeningRequired
from marketplace.web.access import member_page, require_buyer
from pricing.quotes.actions import QuoteClosed, QuoteExpired
from pricing.quotes.bundling import BundleNotFound
from reservations.booking.bundles import accept_bundle

REFUSALS = (NoAgreement, NoAuthority, ScreeningRequired, OverBudget, CostCentreNeeded)


@require_POST
@member_page
def accept(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Accepts every part of a bundle: binding, once, all or none."""
    require_buyer(found)
    by, whose = found.user.as_actor(found.organisation_id), found.organisation_id
    fields = {"cost_centre": request.POST.get("cost_centre") or None}
    order = request.POST.get("purchase_order", "")
    try:
        made = change.run(
            lambda: accept_bundle(public_id=public_id, by=by, organisation_id=whose, purchase_order=order, **fields)
        )
    except BundleNotFound as error:
        raise Http404 from error
    except QuoteExpired:
        messages.warning(request, "Your hold has ended and the GPUs are back on sale. Nothing was charged.")
    except QuoteClosed as closed:
        messages.warning(request, f"This bundle is already {closed.status}. Nothing more was done.")
    except REFUSALS as refused:
        messages.warning(request, str(refused))
    except change.Busy:
        messages.warning(request, "Others were buying here at the same moment. Nothing was charged; please try again.")
    else:
        waiting = made[0].status == "pending_approval"
        said = "Asked for approval" if waiting else "Reserved"
        messages.success(request, f"{said}: all {len(made)} parts.")
        return redirect("portfolio")
    return redirect("bundle", public_id)
