"""A seller's own page: what building more, or sooner, would be worth at today's bid prices."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from marketplace.parties.models import Membership
from marketplace.web.access import member_page
from pricing.curve.models import BuildSignal
from pricing.curve.signals import SOONER_DAYS


@require_GET
@member_page
def supply(request: HttpRequest, found: Membership) -> HttpResponse:
    """Open to every member; an organisation that sells nothing is told how selling starts."""
    own = BuildSignal.objects.of_seller(found.organisation_id).newest().with_projects()
    return render(
        request,
        "pricing/selling.html",
        {
            "nav": "selling",
            "rows": [_row(signal) for signal in own],
            "days": SOONER_DAYS,
        },
    )


def _row(signal: BuildSignal) -> dict[str, Any]:
    first = next(iter(signal.soonest_first()), None)
    return {
        "signal": signal,
        "kind": first[0] if first else "",
        "sooner": first[1] if first else None,
        "others": signal.soonest_first()[1:],
    }
