"""Who may open a page: members of an organisation, by role."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from marketplace.parties.models import Membership
from marketplace.web.context import membership

Page = Callable[..., HttpResponseBase]


def member_page(page: Page) -> Page:
    """Signed in, and a member of an organisation; the page is handed the membership."""

    @login_required
    @wraps(page)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = membership(request)
        if found is None:
            raise PermissionDenied("Your account belongs to no organisation yet. Ask its administrator to add you.")
        return page(request, found, *args, **kwargs)

    return checked


def require_buyer(found: Membership) -> None:
    """Viewers look; buyers, approvers and administrators take and accept quotes."""
    if not found.may_buy:
        raise PermissionDenied(f"Your role at {found.organisation} is viewer: ask a buyer to do this.")
