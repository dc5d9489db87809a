"""The order form of a reservation, kept as it was made."""

from django.db import models

from reservations.booking.models import Reservation


class OrderForm(models.Model):
    """A PDF, written once. The reservation has its SHA-256; the same facts always give the same bytes."""

    reservation = models.OneToOneField(Reservation, on_delete=models.PROTECT, related_name="order_form")
    pdf = models.BinaryField()
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"order form of {self.reservation}"
