"""Price policies: published as versions with a start, with notice where they raise prices, and rolled back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Max

from marketplace.catalogue.models import Accelerator, Pool
from marketplace.journal.actions import record
from marketplace.journal.actor import Actor
from marketplace.parties.models import Organisation
from pricing.curve.effect import baseline, rises
from pricing.curve.models import PricePolicy
from pricing.curve.terms import faults

OF_THE_VERSION = ("id", "public_id", "version", "published_at", "starts_at", "published_by", "reason")
MARKET_WIDE = ("tape_step_gpus", "tape_tick_minutes")
POSITIVE = ("fill_steepness", "dual_steepness", "hold_minutes", "offer_minutes")
NOT_NEGATIVE = ("adder_over_floor", "premium_firm", "premium_standard", "premium_standby", "floor_markup")
SHORTEST_REASON = 10
MOST_LONG_HOLD_DAYS = 30


class PolicyRefused(ValueError):
    """The policy is not published. `faults` says by field what was wrong and what would be right."""

    def __init__(self, found: dict[str, str]) -> None:
        super().__init__(" ".join(found.values()))
        self.faults = found


class PolicyInThePast(PolicyRefused):
    """A policy starts when it is published or later: what was sold under another one stays so."""


class NoticeTooShort(PolicyRefused):
    """The policy raises prices and starts before the notice period is over."""


class NothingToRollBack(ValueError):
    """There is no earlier version to go back to."""


def ensure_default_policy(*, now: datetime) -> PricePolicy:
    """The shipped defaults, in force for every seller that publishes no policy of its own."""
    shipped = {"starts_at": now, "published_at": now, "published_by": "Headroom defaults"}
    policy, _ = PricePolicy.objects.get_or_create(seller=None, version=1, defaults=shipped)
    return policy


def publish_policy(*, policy: PricePolicy, by: Actor, now: datetime) -> PricePolicy:
    """Publishes an unsaved policy as the next version of its seller's (or of the market's default).

    Versions in force are never edited: the sweep that solves prices takes the newest one that has started. Raises
    PolicyInThePast, PolicyRefused, or NoticeTooShort where it raises prices before the notice period is over.
    """
    check_policy(policy, now=now)
    # Two at once are told apart by the unique constraint: the second is refused, never a second version 3.
    last = PricePolicy.objects.filter(seller=policy.seller).aggregate(last=Max("version"))["last"] or 0
    policy.version, policy.published_by, policy.published_at = last + 1, by.label, now
    policy.save(force_insert=True)
    record(
        by=by,
        verb="price_policy.published",
        subject=f"pricepolicy:{policy.pk}",
        now=now,
        after={"seller": policy.seller_id, "version": policy.version, "starts_at": policy.starts_at.isoformat()},
        reason=policy.reason,
    )
    return policy


def check_policy(policy: PricePolicy, *, now: datetime) -> None:
    """Raises what `publish_policy` would raise; publishes nothing."""
    if policy.starts_at < now:
        said = f"A policy cannot start before it is published, at {now:%Y-%m-%d %H:%M} UTC."
        raise PolicyInThePast({"starts_at": said})
    found = dict(_faults(policy))
    if found:
        raise PolicyRefused(found)
    earliest = now + notice(policy)
    if policy.starts_at < earliest:
        _refuse_rise(policy, earliest, now)


def notice(policy: PricePolicy) -> timedelta:
    """The notice that the policy in force at its start asks for; none for the very first."""
    before = baseline(policy)
    return timedelta(days=before.notice_days if before else 0)


def _refuse_rise(policy: PricePolicy, earliest: datetime, now: datetime) -> None:
    found = [rise.what for rise in rises(policy, now=now)]
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        said = f"This raises prices ({found[0]}{more}), so it can start at {earliest:%Y-%m-%d %H:%M} UTC or later."
        raise NoticeTooShort({"starts_at": said})


def _faults(policy: PricePolicy) -> Iterator[tuple[str, str]]:
    """By field, what would be right."""
    for name in POSITIVE:
        if getattr(policy, name) <= 0:
            yield name, "This must be above 0."
    for name in NOT_NEGATIVE:
        if getattr(policy, name) < 0:
            yield name, "This must be 0 or more."
    highest = 1 + max(policy.premiums())
    if policy.cap_over_floor <= highest:
        yield "cap_over_floor", f"The cap must be above the floor with the highest premium: above {highest} floors."
    if not 0 <= policy.most_discount < 10_000:
        yield "most_discount", "All discounts together lie between 0 and 99.99 %."
    yield from _hold_faults(policy)
    for kind, said in faults(policy.schedules(), policy.most_discount):
        yield kind or "most_discount", said
    if not 0 <= policy.move_tolerance < 1:
        yield "move_tolerance", "A part of the price from 0 to below 1, such as 0.02."
    yield from _market_wide(policy)
    yield from _reserve_faults(policy)


def _hold_faults(policy: PricePolicy) -> Iterator[tuple[str, str]]:
    for name in ("hold_limit_gpu_hours", "lapses_to_cooldown"):
        if getattr(policy, name) == 0:
            yield name, "At 0 nothing could ever be held: leave it empty for no limit."
    if policy.lapse_window_hours < 1:
        yield "lapse_window_hours", "This must be 1 or more."
    if policy.long_hold_days > MOST_LONG_HOLD_DAYS:
        yield "long_hold_days", f"A hold is kept for at most {MOST_LONG_HOLD_DAYS} days; 0 for none."
    for name in ("long_hold_percent_a_day", "long_hold_minimum"):
        if getattr(policy, name) < 0:
            yield name, "This must be 0 or more."


def _market_wide(policy: PricePolicy) -> Iterator[tuple[str, str]]:
    """There is one tape: its step and tick stand in the market's default policy."""
    default = PricePolicy.objects.default_at(policy.starts_at)
    if policy.seller_id is None or default is None:
        for name in MARKET_WIDE:
            if getattr(policy, name) < 1:
                yield name, "This must be 1 or more."
        return
    for name in MARKET_WIDE:
        right = getattr(default, name)
        if getattr(policy, name) != right:
            yield name, f"There is one tape for the whole market: leave this at {right}, or change the default policy."


def _reserve_faults(policy: PricePolicy) -> Iterator[tuple[str, str]]:
    """Reserve prices are for accelerators, or for pools that the policy rules."""
    prices: Any = policy.reserve_prices
    if not isinstance(prices, dict):
        yield "reserve_prices", 'Give prices by accelerator or pool, such as {"h100": "2.10"}.'
        return
    pools = Pool.objects.filter(seller=policy.seller) if policy.seller_id else Pool.objects.all()
    known = {*Accelerator.objects.values_list("key", flat=True), *pools.values_list("public_id", flat=True)}
    unknown = sorted(set(prices) - known)
    if unknown:
        yield "reserve_prices", f"There is no accelerator or pool of this seller called {', '.join(unknown)}."
    elif not all(_is_price(price) for price in prices.values()):
        yield "reserve_prices", "A reserve price is USD per GPU-hour above 0 and below 1,000, such as 2.10."


def _is_price(value: Any) -> bool:
    try:
        return isinstance(value, str) and 0 < Decimal(value) < 1000
    except InvalidOperation:
        return False


def previous_policy(seller: Organisation | None, *, now: datetime) -> tuple[PricePolicy, PricePolicy]:
    """The seller's version in force and the one before it. Raises NothingToRollBack."""
    started = PricePolicy.objects.filter(seller=seller, starts_at__lte=now).order_by("-version")
    newest, before = [*started[:2], None, None][:2]
    if newest is None or before is None:
        raise NothingToRollBack("There is no earlier version to go back to: this is the first one.")
    return newest, before


def rolled_back(seller: Organisation | None, *, reason: str, now: datetime) -> PricePolicy:
    """The version before the one in force as a draft of the next: at once, or after the notice where it raises prices.

    Raises NothingToRollBack, or PolicyRefused where no reason is given.
    """
    said = reason.strip()
    if len(said) < SHORTEST_REASON:
        raise PolicyRefused(
            {"reason": f"Say why, in {SHORTEST_REASON} characters or more: it is shown and journalled."}
        )
    newest, before = previous_policy(seller, now=now)
    content = {f.attname: getattr(before, f.attname) for f in PricePolicy._meta.concrete_fields}
    draft = PricePolicy(**{name: value for name, value in content.items() if name not in OF_THE_VERSION})
    draft.starts_at, draft.reason = now, f"back to version {before.version} from {newest.version}: {said}"[:200]
    default = PricePolicy.objects.default_at(now)
    if seller is not None and default is not None:
        for name in MARKET_WIDE:
            setattr(draft, name, getattr(default, name))
    if any(rises(draft, now=now)):
        draft.starts_at = now + notice(draft)
    return draft


def roll_back_policy(*, seller: Organisation | None, reason: str, by: Actor, now: datetime) -> PricePolicy:
    """Publishes the content of the version before the one in force as the next version."""
    return publish_policy(policy=rolled_back(seller, reason=reason, now=now), by=by, now=now)
