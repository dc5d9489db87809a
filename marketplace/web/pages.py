from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET


@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """Up, and the database answers: for load balancers and for the launcher."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


class SignInForm(AuthenticationForm):
    """Signs in by e-mail, written in any case. Which of the two was wrong is not said."""

    error_messages = {
        "invalid_login": "This e-mail and password do not match. Check both; the password is case-sensitive.",
        "inactive": "This account is closed.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail"

    def clean_username(self) -> str:
        return str(self.cleaned_data["username"]).lower()


class SignIn(LoginView):
    http_method_names = ["get", "head", "post"]
    template_name = "marketplace/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True
    extra_context = {"nav": "sign-in"}
