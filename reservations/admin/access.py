"""Who in the cockpit may hold, release and accept for a customer."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

MAY_HOLD, MAY_RELEASE, MAY_ACCEPT = "pricing.add_quote", "pricing.change_quote", "reservations.add_reservation"


def require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied
