"""A thread as it is read: its steps, and what its buyer may do next."""

from datetime import datetime

from pricing.negotiation.models import ANSWERED, ASKED, OFFERED, WITH_SALES, Negotiation, Step
from pricing.quotes.models import OPEN

QUIET = ("insisted", "replied", "declined", "asked")  # steps after which the last answer still stands


def steps_of(negotiation: Negotiation) -> list[Step]:
    """In order; read once for a thread that is shown."""
    if not hasattr(negotiation, "kept_steps"):
        negotiation.kept_steps = list(negotiation.steps.in_order())  # type: ignore[attr-defined]
    found: list[Step] = negotiation.kept_steps  # type: ignore[attr-defined]
    return found


def last_answer(steps: list[Step]) -> Step | None:
    """The last answer of the other side, if nothing was put on the table since."""
    found = next((step for step in reversed(steps) if step.verb not in QUIET), None)
    return found if found and found.verb in (ANSWERED, OFFERED) else None


def allowed_actions(negotiation: Negotiation, now: datetime) -> list[str]:
    """What the buyer may do with the thread at this moment; who may accept the quote is the quote's to say."""
    state, steps = negotiation.state(now), steps_of(negotiation)
    if state == WITH_SALES:
        return ["accept", "withdraw"]
    if state != OPEN:
        return []
    answer = last_answer(steps)
    names_a_price = {"total", "unit_price"} & set(negotiation.wanted or {})
    found = ["accept", "counter"]
    found += ["take"] if answer and answer.trades else []
    found += ["insist"] if answer and names_a_price else []
    found += ["reply"] if steps and steps[-1].verb == ASKED else []
    return [*found, "withdraw"]
