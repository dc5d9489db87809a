"""Who calls: an API key of an organisation, and what the key was made for."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from marketplace.change import change
from marketplace.parties.actions import is_use_to_be_noted, note_key_use
from marketplace.parties.models import ApiKey
from marketplace.parties.queries import live_key

BEARER = "bearer"


class ScopeRequired(Exception):
    """The key is good, but was not made for this."""

    def __init__(self, scope: str, has: list[str]) -> None:
        super().__init__(f"This needs a key with the scope “{scope}”; this key has: {', '.join(has)}.")
        self.scope = scope


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer hr_live_…`. A key that is unknown, revoked or expired is answered alike."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        found = live_key(secret=secret.strip()) if scheme.lower() == BEARER else None
        if found is None:
            raise AuthenticationFailed
        key, now = found
        if is_use_to_be_noted(key=key, now=now):
            change.run(lambda: note_key_use(key=key, now=now))
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Headroom"'


class HasScope(BasePermission):
    """The view says which scope each of its methods needs."""

    def has_permission(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return False
        needed = view.scopes.get("GET" if request.method == "HEAD" else request.method)
        if needed is not None and needed not in key.scopes:
            raise ScopeRequired(needed, key.scopes)
        return True
