"""What a browser may load from us: our own files only. Nothing of a page comes from another host."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

OWN_FILES_ONLY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)
# The admin's theme evaluates expressions in its templates (Alpine.js), which needs 'unsafe-eval'.
ADMIN = OWN_FILES_ONLY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline' 'unsafe-eval'")


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that says so in a header."""

    def with_header(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        in_admin = request.path.startswith("/admin/")
        response.headers.setdefault("Content-Security-Policy", ADMIN if in_admin else OWN_FILES_ONLY)
        return response

    return with_header
