"""The contract's text that is in force from the first day."""

import hashlib
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from pricing.quotes.models import TermsDocument

VERSION = "2026-11"
TEXT = Path(__file__).with_name("terms") / f"{VERSION}.txt"
DOCUMENTS_KEPT = 64  # in this process: a version is never rewritten


def ensure_terms(*, now: datetime) -> TermsDocument:
    """Publishes the shipped terms where no version of that name exists yet."""
    text = TEXT.read_text(encoding="utf-8")
    document, _ = TermsDocument.objects.get_or_create(
        version=VERSION,
        defaults={
            "title": "Terms of a capacity reservation",
            "text": text,
            "digest": hashlib.sha256(text.encode()).hexdigest(),
            "in_force_from": now,
        },
    )
    return document


@lru_cache(maxsize=DOCUMENTS_KEPT)
def terms_document(document_id: int) -> TermsDocument:
    return TermsDocument.objects.get(pk=document_id)
