from functools import lru_cache
from typing import Any

from django.db.models import QuerySet

from marketplace.catalogue.models import Pool, ServiceSpec

SPECS_KEPT = 1024  # in this process: a version is never rewritten


def pools_with_specs(*, accelerator: str | None = None, site: str | None = None) -> QuerySet[Pool]:
    """Pools with all that describes them, narrowed to an accelerator's key and a site's public id where given."""
    pools = Pool.objects.select_related("site", "accelerator", "seller").prefetch_related("specs")
    if accelerator is not None:
        pools = pools.filter(accelerator__key=accelerator)
    if site is not None:
        pools = pools.filter(site__public_id=site)
    return pools


def service_documents() -> dict[int, dict[str, Any]]:
    """Pool -> its newest service spec, with the pool's fabric among the fields."""
    newest = ServiceSpec.objects.select_related("pool").order_by("pool_id", "-version").distinct("pool_id")
    return {spec.pool_id: {"fabric": spec.pool.fabric, **spec.document} for spec in newest}


@lru_cache(maxsize=SPECS_KEPT)
def service_spec(spec_id: int) -> ServiceSpec:
    return ServiceSpec.objects.get(pk=spec_id)
