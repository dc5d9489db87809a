"""Approval chains: who has to agree to a purchase above an amount, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Max, QuerySet

from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.models import ADMIN, APPROVER, Membership, Organisation, User
from marketplace.parties.spending import ApprovalChain, ApprovalPolicy, ApprovalStep
from marketplace.units.money import MINOR_DIGITS, Money

MOST_STEPS = 10
APPROVAL_EXPIRED = "The approval was not given in time. Capacity and budget are free again. Nothing was charged."
OWN_REQUEST = "You asked for this purchase, so somebody else has to agree to it. Nothing was changed."
ROLE_NAMES = {APPROVER: "an approver", ADMIN: "an administrator"}


class ChainRefused(ValueError):
    """The chain cannot be written so; the text says what would be right."""


@dataclass(frozen=True)
class Step:
    """Who takes a step: somebody with a role (an administrator may do what an approver may), or a person by name."""

    role: str | None = None
    user_id: int | None = None


def set_chain(
    *, organisation: Organisation, above: Money, steps: Sequence[Step], by: Actor, now: datetime
) -> ApprovalChain:
    """Sets who has to agree to totals above an amount. A chain for the same amount is withdrawn by it.

    Requests that are under way keep the steps with which they began. Raises ChainRefused.
    """
    _check(organisation, above, steps)
    for chain in _in_force(organisation).filter(above=above.amount, currency=above.currency):
        withdraw_chain(chain=chain, by=by, now=now)
    chain = ApprovalChain.objects.create(
        organisation=organisation, above=above.amount, currency=above.currency, created_at=now
    )
    ApprovalStep.objects.bulk_create(
        ApprovalStep(chain=chain, position=number, role=step.role, user_id=step.user_id)
        for number, step in enumerate(steps, start=1)
    )
    after = {"above": above.as_json(), "steps": [step.role or f"user:{step.user_id}" for step in steps]}
    record(by=by, verb="approval_chain.set", subject=chain.public_id, now=now, after=after)
    return chain


def withdraw_chain(*, chain: ApprovalChain, by: Actor, now: datetime) -> ApprovalChain:
    """From here on nobody is asked by this chain. Withdrawing twice keeps the first time."""
    if chain.withdrawn_at is None:
        chain.withdrawn_at = now
        chain.save(update_fields=["withdrawn_at"])
        record(by=by, verb="approval_chain.withdrawn", subject=chain.public_id, now=now)
    return chain


def publish_approval_policy(*, policy: ApprovalPolicy, by: Actor, now: datetime) -> ApprovalPolicy:
    """Publishes an unsaved policy as the next version. Requests under way keep their deadlines. Raises ChainRefused."""
    if policy.starts_at < now:
        raise ChainRefused(f"A policy cannot start before it is published, at {now:%Y-%m-%d %H:%M} UTC.")
    policy.version = (ApprovalPolicy.objects.aggregate(last=Max("version"))["last"] or 0) + 1
    policy.published_by = by.label
    policy.save(force_insert=True)
    after = {"version": policy.version, "hours": policy.hours, "starts_at": policy.starts_at.isoformat()}
    record(by=by, verb="approval_policy.published", subject=f"approvalpolicy:{policy.pk}", now=now, after=after)
    return policy


def chains_of(organisation: Organisation) -> Sequence[ApprovalChain]:
    return list(_in_force(organisation).prefetch_related("steps__user"))


def _in_force(organisation: Organisation) -> QuerySet[ApprovalChain]:
    return ApprovalChain.objects.filter(organisation=organisation, withdrawn_at=None)


def _check(organisation: Organisation, above: Money, steps: Sequence[Step]) -> None:
    coin = Decimal(1).scaleb(-MINOR_DIGITS[above.currency])
    if above.amount < 0 or above.amount != above.amount.quantize(coin):
        raise ChainRefused(f"The amount is 0 or more, in steps of {coin} {above.currency}.")
    if not 1 <= len(steps) <= MOST_STEPS:
        raise ChainRefused(f"A chain has 1 to {MOST_STEPS} steps.")
    if any((step.role is None) == (step.user_id is None) or step.role not in (None, *ROLE_NAMES) for step in steps):
        raise ChainRefused("A step is a role (approver or admin) or a person by name.")
    named = [step.user_id for step in steps if step.user_id is not None]
    if len(set(named)) < len(named):
        raise ChainRefused("A person takes one step of a chain: name each once.")
    able = Membership.objects.filter(organisation=organisation, user_id__in=named, role__in=ROLE_NAMES)
    if able.count() < len(named):
        raise ChainRefused("A person in a chain is an approver or administrator of the organisation.")


def may_take(step_role: str | None, step_user_id: int | None, *, user: User | None, role: str) -> bool:
    """Whether somebody with this role may take that step."""
    if step_user_id is not None:
        return user is not None and user.pk == step_user_id
    return role in (ADMIN, step_role)
