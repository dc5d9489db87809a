"""The Celery app, and `wake`: the hint to a worker that rows have become due."""

import logging
import os

from celery import Celery
from django.db import transaction
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")

app = Celery("marketplace")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

log = logging.getLogger(__name__)

# Sweeps that are woken when something changes; beat finds the same rows a few seconds later.
PROJECT_SUPPLY, SOLVE_PRICES = "marketplace.project_supply", "pricing.solve_prices"
BUILD_SIGNALS = "pricing.build_signals"
WATCH_EXPOSURE = "marketplace.watch_exposure"
SERVE_WAITLIST = "reservations.serve_waitlist"
ALLOT_PROJECTS = "reservations.allot_projects"
DELIVER_WEBHOOKS, RETRY_WEBHOOKS = "marketplace.deliver_webhooks", "marketplace.retry_webhooks"
WATCH_SHORTFALLS = "reservations.watch_shortfalls"


def wake(task: str) -> None:
    """Asks a worker to run a sweep once this transaction has committed.

    The queue is a hint and the database is the truth: without a broker the change still stands and beat's next
    tick finds the row that is due, so a broker that is away must never fail a change.
    """
    transaction.on_commit(lambda: _send(task))


def _send(task: str) -> None:
    try:
        app.send_task(task, retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        log.warning("No broker: %s waits for the next tick (%s)", task, error)
