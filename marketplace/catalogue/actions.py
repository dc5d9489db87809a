import hashlib
import json
from datetime import datetime
from typing import Any

from marketplace.catalogue.models import Pool, ServiceSpec


def digest_of(document: Any) -> str:
    """SHA-256 of canonical JSON: two equal documents have one digest, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def set_service_spec(*, pool: Pool, document: dict[str, Any], now: datetime) -> ServiceSpec:
    """Publishes what the pool's GPUs come with: a new version if anything differs, else the one in force."""
    current = pool.specs.first()
    digest = digest_of(document)
    if current is not None and current.digest == digest:
        return current
    version = current.version + 1 if current else 1
    return ServiceSpec.objects.create(pool=pool, version=version, document=document, digest=digest, created_at=now)
