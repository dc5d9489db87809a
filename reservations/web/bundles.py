"""Accepting a bundle on the web."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from marketplace.change import change
from marketplace.parties.models import Membership
from marketplace.web.access import member_page, require_buyer
from pricing.quotes.bundling import BundleNotFound
from reservations.booking.bundles import accept_bundle
from reservations.booking.states import PENDING_APPROVAL
from reservations.web.refusals import REFUSALS, sentence


@require_POST
@member_page
def accept(request: HttpRequest, found: Membership, public_id: str) -> HttpResponse:
    """Accepts every part of a bundle: binding, once, all or none."""
    require_buyer(found)
    by, whose = found.user.as_actor(found.organisation_id), found.organisation_id
    charged, order = request.POST.get("cost_centre") or None, request.POST.get("purchase_order", "").strip()[:80]
    try:
        made = change.run(
            lambda: accept_bundle(
                public_id=public_id, by=by, organisation_id=whose, cost_centre=charged, purchase_order=order
            )
        )
    except BundleNotFound as error:
        raise Http404 from error
    except REFUSALS as refused:
        messages.warning(request, sentence(refused))
    else:
        waiting = made[0].status == PENDING_APPROVAL
        said = "Asked for approval" if waiting else "Reserved"
        messages.success(request, f"{said}: all {len(made)} parts.")
        return redirect("portfolio")
    return redirect("bundle", public_id)
