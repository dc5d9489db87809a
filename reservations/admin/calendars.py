"""Calendar addresses that were given out. The addresses themselves are nobody's to read."""

from django.contrib import admin

from marketplace.admin.base import FrozenAdmin
from reservations.booking.feeds import CalendarFeed


@admin.register(CalendarFeed)
class CalendarFeedAdmin(FrozenAdmin):
    """Which organisation's calendar can be read from outside, since when and who asked for it."""

    list_display = ("organisation", "created_at", "created_by", "revoked_at")
    list_select_related = ("organisation",)
    search_fields = ("organisation__name",)
    fields = list_display
