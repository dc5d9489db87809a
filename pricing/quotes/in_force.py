"""What is in force: asked before anything is locked, and once more under the lock, in one statement each.

Versions of policies, prices, terms and service specs are never rewritten (triggers refuse it). So a process keeps
those that it has seen, by their id, and which of them are in force is asked of the database each time: whatever another
process has published is in the next answer.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from marketplace.capacity.queries import inventory_beside
from marketplace.catalogue.models import Pool, ServiceSpec
from marketplace.catalogue.queries import service_spec
from marketplace.units.compiled import Compiled, Now, given
from marketplace.units.firmness import rank
from marketplace.units.period import Period
from pricing.curve.models import PricePolicy, PriceVersion
from pricing.curve.queries import CURRENT_VERSION, NoPrice, price_policy, price_version
from pricing.quotes.contracts import ContractPolicy, contract_of
from pricing.quotes.documents import terms_document
from pricing.quotes.models import TermsDocument


class MarketStale(Exception):
    """The projection behind the limits is older than policy allows: no new quote is made until a newer one is in."""


@dataclass(frozen=True)
class Locked:
    """What is there and in force once the days are locked: the nested use per day with the block in it, which the site
    must deliver, and the versions that a quote made now is made of."""

    required: NDArray[np.int64]
    version: PriceVersion
    document: TermsDocument
    spec: ServiceSpec


def policies_of(pool: str) -> tuple[Pool, PricePolicy, ContractPolicy, datetime]:
    """The pool, the policies in force for it, and the time at which they are: seen in one statement. A version of a
    policy is never rewritten, so all that has to be asked is which one it is."""
    found = _pool.first(pool=pool)
    if found is None:
        raise Pool.DoesNotExist(pool)
    seen: Any = found  # has what it was annotated with
    if seen.policy_id is None:
        raise PricePolicy.DoesNotExist("No default price policy has started yet.")
    return found, price_policy(seen.policy_id), contract_of(seen.contract_id), seen.at.astimezone(UTC)


@Compiled
def _pool() -> QuerySet[Pool]:
    seen = {
        "policy_id": PricePolicy.objects.id_in_force(Now()),
        "contract_id": ContractPolicy.objects.id_in_force(Now()),
        "at": Now(),
    }
    return Pool.objects.select_related("seller").annotate(**seen).filter(public_id=given("pool")).order_by()


def check_fresh(version: PriceVersion, policy: PricePolicy, now: datetime) -> None:
    """Raises MarketStale where the projection behind the limits is older than policy allows."""
    if now - version.projection.created_at > timedelta(hours=policy.projection_max_age_hours):
        raise MarketStale


def seen_under_lock(pool: Pool, firmness: str, period: Period, now: datetime) -> Locked:
    """One statement, once the caller has the days' locks: whatever was published while it waited is in it. A version
    is never rewritten (triggers refuse it), so all that has to be asked is which one is in force.

    Raises NoPrice where no price version has been solved, and MarketStale where no terms are in force.
    """
    asked = {"seller": pool.seller_id, "pool": pool.pk}
    # The rows are locked, so this read is of what was just written: the nested use with this block in it.
    found, seen = inventory_beside(pool_ids=[pool.pk], period=period, now=now, beside=_IN_FORCE, **asked)
    version_id, document_id, spec_id = seen
    if version_id is None:
        raise NoPrice
    if document_id is None:
        raise MarketStale
    if spec_id is None:
        raise ServiceSpec.DoesNotExist(f"{pool} has no service spec.")
    required = found.nested[0, rank(firmness)]
    return Locked(required, price_version(version_id), terms_document(document_id), service_spec(spec_id))


_IN_FORCE = f"""
    ({CURRENT_VERSION.format(seller="%(seller)s")}),
    (SELECT id FROM pricing_termsdocument WHERE in_force_from <= %(now)s ORDER BY in_force_from DESC LIMIT 1),
    (SELECT id FROM marketplace_servicespec WHERE pool_id = %(pool)s ORDER BY version DESC LIMIT 1)
"""
