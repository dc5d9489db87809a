"""Sweeps over what is due in pricing. Each may run twice, late, or beside another: rows decide, not the queue."""

from celery import shared_task

from marketplace.celery import BUILD_SIGNALS, SERVE_WAITLIST, SOLVE_PRICES, wake
from marketplace.change import change
from marketplace.units import clock
from pricing.curve.actions import publish_tape, sellers_due, solve_if_due
from pricing.curve.building import versions_without_signals, work_out_signals
from pricing.curve.models import PricePolicy
from pricing.curve.policies import ensure_default_policy
from pricing.demand.versions import forecast_if_due
from pricing.demand.versions import sellers_due as sellers_to_forecast
from pricing.quotes.actions import expire_quote
from pricing.quotes.contracts import ContractPolicy, ensure_default_contract
from pricing.quotes.documents import ensure_terms
from pricing.quotes.models import Quote

MOST_AT_ONCE = 1000


@shared_task(name=SOLVE_PRICES)
def solve_due_prices() -> int:
    """Solves the prices of every seller whose inputs changed; one seller a transaction."""
    if not PricePolicy.objects.exists():
        change.run(open_for_business)
    if not ContractPolicy.objects.exists():
        change.run(lambda: ensure_default_contract(now=clock.now()))
    solved = [
        change.run(lambda pk=pk: solve_if_due(seller_id=pk, now=clock.now()))  # type: ignore[misc]
        for pk in sellers_due(now=clock.now())
    ]
    if any(solved):
        wake(BUILD_SIGNALS)
    return sum(version is not None for version in solved)


def open_for_business() -> None:
    """A market starts with the shipped policy and terms, whoever brought its build-out."""
    now = clock.now()
    ensure_default_policy(now=now)
    ensure_terms(now=now)


@shared_task(name="pricing.publish_tape")
def publish_due_tape() -> bool:
    """Publishes the tape of the current tick, once."""
    return change.run(lambda: publish_tape(now=clock.now())) is not None


@shared_task(name="pricing.forecast_demand")
def forecast_due_demand() -> int:
    """Stores a new demand forecast of every seller whose last one is a day old; one seller a transaction."""
    stored = [
        change.run(lambda pk=pk: forecast_if_due(seller_id=pk, now=clock.now()))  # type: ignore[misc]
        for pk in sellers_to_forecast(now=clock.now())
    ]
    return sum(forecast is not None for forecast in stored)


@shared_task(name="pricing.expire_quotes")
def expire_lapsed_quotes() -> int:
    """Writes down which quotes have lapsed. They could not be accepted any more in any case."""
    lapsed = Quote.objects.lapsed(clock.now()).order_by("expires_at").values_list("pk", flat=True)[:MOST_AT_ONCE]
    closed = [change.run(lambda pk=pk: expire_quote(quote_id=pk)) for pk in list(lapsed)]  # type: ignore[misc]
    if any(closed):
        wake(SERVE_WAITLIST)
    return sum(quote is not None for quote in closed)


@shared_task(name=BUILD_SIGNALS)
def work_out_due_signals() -> int:
    """Works out what building would be worth for every price version that has no signals yet; one a transaction."""
    return sum(
        change.run(lambda pk=pk: work_out_signals(version_id=pk))  # type: ignore[misc]
        for pk in versions_without_signals()
    )
