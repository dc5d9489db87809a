from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from marketplace.catalogue.models import Pool, Site
from marketplace.parties.models import Membership
from marketplace.parties.queries import membership_of

CHOSEN = "organisation"
LOOKED_UP = "headroom.membership"  # no client can send it: header names have no lower-case letters here


def membership(request: HttpRequest) -> Membership | None:
    """The membership under which this request acts: looked up once a request."""
    if not request.user.is_authenticated:
        return None
    if LOOKED_UP not in request.META:
        request.META[LOOKED_UP] = membership_of(user=request.user, chosen=request.session.get(CHOSEN))
    found: Membership | None = request.META[LOOKED_UP]
    return found


def shell(request: HttpRequest) -> dict[str, Any]:
    """What every page's frame shows: who is signed in, for whom, and whether the market is a demo."""

    def organisation() -> Any:
        found = membership(request)
        return found.organisation if found else None

    def sells() -> bool:
        found = membership(request)
        return found is not None and Pool.objects.filter(seller_id=found.organisation_id).exists()

    def approves() -> bool:
        found = membership(request)
        return found is not None and found.may_approve

    return {
        "approves": SimpleLazyObject(approves),
        "organisation": SimpleLazyObject(organisation),
        "sells": SimpleLazyObject(sells),
        "figures": SimpleLazyObject(figures),
    }


def figures() -> str:
    """How the market's figures are marked: invented ones as demo, real campuses' as assumed, else not at all."""
    if Site.objects.filter(is_demo=True).exists():
        return "demo"
    return "assumed" if Site.objects.exclude(assumptions=[]).exists() else ""
