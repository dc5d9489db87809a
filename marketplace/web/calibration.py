"""How well projections kept: the market's own, and the method on public data. The same for everybody."""

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_GET

from marketplace.supply.calibration import BEFOREHAND, calibration, public_backtest
from marketplace.supply.learning.kept import ENOUGH, PROMISED
from marketplace.units import clock

USUAL = 90


def figures(query: QueryDict) -> dict[str, Any]:
    """What the public page and the cockpit's page show."""
    asked = query.get("before", "")
    before = int(asked) if asked in map(str, BEFOREHAND) else USUAL
    return {
        "found": calibration(days_before=before, today=clock.today()),
        "choices": BEFOREHAND,
        "enough": ENOUGH,
        "promised": PROMISED,
        "public": public_backtest(),
    }


@require_GET
def show(request: HttpRequest) -> HttpResponse:
    return render(request, "marketplace/calibration.html", {"nav": "calibration", **figures(request.GET)})
