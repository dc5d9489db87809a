"""What another process publishes: each function is run by a process of its own, and has committed when it returns."""

from collections.abc import Callable

from tests.races import contender  # first: it loads Django

from marketplace.catalogue.actions import set_service_spec  # isort: skip
from marketplace.catalogue.models import Pool  # isort: skip
from marketplace.change import change  # isort: skip
from marketplace.journal.actor import SYSTEM  # isort: skip
from marketplace.screening.actions import publish_policy as publish_screening  # isort: skip
from marketplace.screening.models import ScreeningPolicy  # isort: skip
from marketplace.units import clock  # isort: skip
from pricing.curve.actions import solve_prices  # isort: skip
from pricing.curve.models import PricePolicy, PriceVersion  # isort: skip
from pricing.curve.policies import publish_policy  # isort: skip
from pricing.quotes.contracts import ContractPolicy, publish_contract  # isort: skip
from pricing.quotes.models import TermsDocument  # isort: skip

__all__ = ["contender"]


def price_policy(pool_id: int, hold_minutes: int) -> int:
    seller, now = Pool.objects.get(pk=pool_id).seller, clock.now()
    policy = PricePolicy(seller=seller, starts_at=now, hold_minutes=hold_minutes)
    return change.run(lambda: publish_policy(policy=policy, by=SYSTEM, now=now)).pk


def contract(pool_id: int, turnaround_days: int) -> int:
    seller, now = Pool.objects.get(pk=pool_id).seller, clock.now()
    policy = ContractPolicy(seller=seller, starts_at=now, turnaround_days=turnaround_days, reason="tests")
    return change.run(lambda: publish_contract(policy=policy, by=SYSTEM, now=now)).pk


def prices(pool_id: int) -> int:
    """The same prices once more, as another version."""
    last = PriceVersion.objects.filter(seller__pools=pool_id).latest("pk")
    solve: Callable[[], PriceVersion] = lambda: solve_prices(  # noqa: E731
        seller=last.seller, policy=last.policy, projection=last.projection, reason="tests", now=clock.now()
    )
    return change.run(solve).pk


def terms(pool_id: int) -> int:
    made = TermsDocument(version="next", title="Terms", text="new", digest="1" * 64, in_force_from=clock.now())
    made.save(force_insert=True)
    return made.pk


def service_spec(pool_id: int) -> int:
    pool = Pool.objects.get(pk=pool_id)
    return change.run(lambda: set_service_spec(pool=pool, document={"delivery": "kubernetes"}, now=clock.now())).pk


def screening(pool_id: int) -> int:
    """Switched on, with no rule: whatever is not cleared is denied."""
    now = clock.now()
    policy = ScreeningPolicy(starts_at=now, reason="tests", is_on=True)
    return change.run(lambda: publish_screening(policy=policy, table="", by=SYSTEM, now=now)).pk
