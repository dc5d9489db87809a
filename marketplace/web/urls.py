from django.contrib.auth.views import LogoutView
from django.urls import path

from marketplace.web import calibration, errors, organisation, pages

urlpatterns = [
    path("health/", pages.health, name="health"),
    path("sign-in/", pages.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("calibration/", calibration.show, name="calibration"),
    path("organisation/", organisation.show, name="organisation"),
    path("organisation/choose/", organisation.choose, name="choose-organisation"),
    path("errors/<slug:code>/", errors.problem, name="problem"),
]
