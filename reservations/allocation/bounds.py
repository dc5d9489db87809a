"""Where a reservation may be served if not as agreed: sites, jurisdictions, sellers, accelerators bind every plan.

Without a word from its holder: on the accelerator, under the law and from the seller that the contract names, on any
site of theirs.
"""

from collections.abc import Sequence

from django.contrib.postgres.fields import ArrayField
from django.db import models

from marketplace.catalogue.models import Pool
from reservations.booking.models import Reservation


class ReservationBounds(models.Model):
    """What the holder allows. Its own pool is always among it; an empty list of sites allows every site."""

    reservation = models.OneToOneField(Reservation, on_delete=models.PROTECT, related_name="bounds")
    sites = ArrayField(models.CharField(max_length=40), default=list, help_text="Public ids; empty: any")
    jurisdictions = ArrayField(models.CharField(max_length=2))
    sellers = ArrayField(models.CharField(max_length=40), help_text="Public ids")
    accelerators = ArrayField(models.CharField(max_length=40), help_text="Keys")
    set_by = models.CharField(max_length=254)
    set_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "reservation bounds"

    def __str__(self) -> str:
        return f"bounds of {self.reservation}"


def bounds_of(reservations: Sequence[Reservation]) -> dict[int, ReservationBounds]:
    """By reservation; unsaved ones with what holds without a word. One query for all."""
    said = {each.reservation_id: each for each in ReservationBounds.objects.filter(reservation__in=reservations)}
    return {each.pk: said.get(each.pk) or _usual(each) for each in reservations}


def _usual(reservation: Reservation) -> ReservationBounds:
    pool = reservation.quote.pool
    return ReservationBounds(
        reservation=reservation,
        jurisdictions=[pool.site.jurisdiction],
        sellers=[pool.seller.public_id],
        accelerators=[pool.accelerator.key],
    )


def forbidden(bounds: ReservationBounds, reservation: Reservation, pool: Pool) -> str:
    """What keeps the reservation out of a pool, in a word; empty where nothing does."""
    if pool.pk in (reservation.pool_id, reservation.quote.pool_id):
        return ""
    if bounds.sites and pool.site.public_id not in bounds.sites:
        return "site"
    if pool.site.jurisdiction not in bounds.jurisdictions:
        return "jurisdiction"
    if pool.seller.public_id not in bounds.sellers:
        return "seller"
    return "" if pool.accelerator.key in bounds.accelerators else "accelerator"
