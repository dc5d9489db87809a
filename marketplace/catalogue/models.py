from django.db import models

from marketplace.parties.models import Organisation
from marketplace.units.compute import Footprint, footprint
from marketplace.units.ids import new_id

PRINCIPAL, AGENT = "principal", "agent"


def new_site_id() -> str:
    return new_id("sit")


def new_pool_id() -> str:
    return new_id("pol")


class Accelerator(models.Model):
    """A GPU type that is sold. Every figure has its source, and says whether it is an assumption."""

    key = models.SlugField(unique=True, help_text="As asked for over REST: h100, gb200")
    name = models.CharField(max_length=60)
    all_in_kw = models.DecimalField(max_digits=6, decimal_places=3, help_text="kW per GPU, its host and network in")
    memory_gb = models.DecimalField(max_digits=8, decimal_places=1)
    bf16_tflops = models.DecimalField(max_digits=10, decimal_places=1)
    fp8_tflops = models.DecimalField(max_digits=10, decimal_places=1, null=True, blank=True)
    h100_weight = models.DecimalField(max_digits=8, decimal_places=4, help_text="H100 equivalents of one GPU")
    capital_usd_per_gpu_hour = models.DecimalField(max_digits=8, decimal_places=4)
    source = models.TextField(blank=True)
    assumptions = models.JSONField(default=list, blank=True, help_text="Names of the fields that are assumptions.")

    class Meta:
        ordering = ["h100_weight", "key"]

    def __str__(self) -> str:
        return self.name


class Site(models.Model):
    """A campus: where power, water and permits are shared by everything that stands on it."""

    public_id = models.CharField(max_length=40, unique=True, default=new_site_id, editable=False)
    key = models.CharField(
        max_length=200,
        unique=True,
        help_text="The campus's handle in the file it came from",
    )
    name = models.CharField(max_length=200)
    operator = models.CharField(max_length=200, blank=True)
    region = models.CharField(max_length=80)
    jurisdiction = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2 of the country whose law applies")
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    pue = models.DecimalField(max_digits=4, decimal_places=2, help_text="Facility energy over IT energy")
    carbon_g_per_kwh = models.DecimalField(max_digits=6, decimal_places=1)
    energy_usd_per_kwh = models.DecimalField(max_digits=6, decimal_places=4)
    facility_mw = models.DecimalField(max_digits=9, decimal_places=2, help_text="Power of the whole campus when built")
    share_on_sale = models.DecimalField(max_digits=5, decimal_places=4, help_text="Part of the campus sold here, 0..1")
    is_demo = models.BooleanField(default=False)
    source = models.TextField(blank=True)
    assumptions = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class PoolManager(models.Manager["Pool"]):
    """A pool is named by its site and its accelerator: wherever pools are listed, the two come along."""

    def get_queryset(self) -> "models.QuerySet[Pool]":
        return super().get_queryset().select_related("site", "accelerator")


class Pool(models.Model):
    """GPUs at one site that can stand in for one another: the unit in which capacity is counted and priced."""

    public_id = models.CharField(max_length=40, unique=True, default=new_pool_id, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="pools")
    accelerator = models.ForeignKey(Accelerator, on_delete=models.PROTECT, related_name="pools")
    fabric = models.CharField(max_length=60, help_text="The network that joins its GPUs")
    seller = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="pools")
    lot = models.PositiveIntegerField(help_text="Smallest quantity sold: a node of 8, a rack of 72")
    role = models.CharField(
        max_length=10,
        choices=[
            (PRINCIPAL, "Headroom sells as principal"),
            (AGENT, "Headroom sells as the seller's agent"),
        ],
        default=AGENT,
    )

    objects = PoolManager()

    class Meta:
        ordering = ["site__name", "accelerator__key"]
        constraints = [
            models.UniqueConstraint(fields=["site", "accelerator", "fabric"], name="one_pool_per_fabric"),
            models.CheckConstraint(condition=models.Q(lot__gt=0), name="lot_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.site} {self.accelerator}"

    def footprint(self, gpu_hours: int) -> Footprint:
        """Energy, carbon and compute of that many GPU-hours here."""
        return footprint(
            gpu_hours,
            all_in_kw=self.accelerator.all_in_kw,
            pue=self.site.pue,
            grams_per_kwh=self.site.carbon_g_per_kwh,
            bf16_tflops=self.accelerator.bf16_tflops,
            h100_weight=self.accelerator.h100_weight,
        )


class ServiceSpec(models.Model):
    """What a GPU of the pool comes with, as of a version. Never edited: a change is a new version."""

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="specs")
    version = models.PositiveIntegerField()
    document = models.JSONField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the document's canonical JSON")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["pool_id", "-version"]
        constraints = [models.UniqueConstraint(fields=["pool", "version"], name="one_spec_per_version")]

    def __str__(self) -> str:
        return f"{self.pool} v{self.version}"
