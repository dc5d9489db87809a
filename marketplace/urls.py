"""Every address of the product. Upper packages are named by string only."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("marketplace.api.urls")),
    path("api/v1/", include("pricing.api.urls")),
    path("api/v1/", include("reservations.api.urls")),
    path("", include("marketplace.web.urls")),
    path("", include("pricing.web.urls")),
    path("", include("reservations.web.urls")),
]
handler404 = "marketplace.web.errors.not_found"
handler403 = "marketplace.web.errors.forbidden"
handler400 = "marketplace.web.errors.bad_request"
handler500 = "marketplace.web.errors.server_error"
