"""What an organisation may hold without having bought it: a limit in GPU-hours, and a cool-down after lapses.

Both follow from its quotes alone and from the clock, so that a hold that expired frees its share at that moment,
whether or not a sweep has run. The organisation's hold account is locked first: two holds at once are counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from marketplace.units.instants import from_words
from marketplace.units.period import in_days
from pricing.curve.models import PricePolicy
from pricing.quotes.models import OPEN, Quote


@dataclass(frozen=True)
class Block:
    """What is about to be held: GPUs for some days, sold in whole lots."""

    quantity: int
    days: int
    lot: int

    @property
    def gpu_hours(self) -> int:
        return self.quantity * self.days * 24

    def most_within(self, gpu_hours: int) -> int:
        """The most GPUs of the same length, in whole lots, within so many GPU-hours."""
        return max(gpu_hours, 0) // (self.days * 24) // self.lot * self.lot


@dataclass(frozen=True)
class OpenHold:
    """One of the organisation's own open quotes or bundles, as something that it could release."""

    quote: str
    gpu_hours: int
    expires_at: datetime


class HoldLimit(Exception):
    """The hold would take the organisation above the policy's limit. Nothing is held.

    `held`, `limit` and `asked` are GPU-hours; `fits` is the most GPUs of the same length that could be held now;
    `release` the fewest of its open quotes after whose release the block would fit, none where it never would.
    """

    def __init__(self, *, held: int, limit: int, block: Block, release: Sequence[OpenHold]) -> None:
        self.held, self.limit, self.asked = held, limit, block.gpu_hours
        self.fits = block.most_within(limit - held)
        self.release = tuple(release)
        super().__init__(" ".join(self._said(block)))

    def _said(self, block: Block) -> list[str]:
        said = [
            f"Your open holds come to {self.held:,} GPU-hours, and {self.limit:,} is the most at one time: "
            f"these {self.asked:,} would be too much."
        ]
        if self.fits:
            said.append(f"{self.fits:,} GPUs for {in_days(block.days)} would fit.")
        if self.release:
            named = ", ".join(f"{each.quote} ({each.gpu_hours:,} GPU-hours)" for each in self.release)
            said.append(f"Accept or release {named} to make room for all of it.")
        return [*said, "Nothing is held."]


class HoldCooldown(Exception):
    """Too many holds of the organisation lapsed: none is taken until `ends_at`. Nothing is held."""

    def __init__(self, *, lapses: int, policy: PricePolicy, ends_at: datetime) -> None:
        self.lapses, self.ends_at = lapses, ends_at
        super().__init__(
            f"{lapses:,} of your holds ran out within {policy.lapse_window_hours:,} hours without being accepted or "
            f"released. New ones can be taken again from {from_words(ends_at)}. Nothing is held."
        )


@dataclass(frozen=True)
class Held:
    """GPU-hours that an organisation holds, and when holds of it lapsed, oldest first."""

    plain: int
    prolonged: int
    lapses: tuple[datetime, ...]

    def counted(self, policy: PricePolicy) -> int:
        return self.plain + (self.prolonged if policy.long_holds_count else 0)


def check_hold(*, organisation_id: int, block: Block, policy: PricePolicy, now: datetime, given_up: int = 0) -> None:
    """Raises HoldCooldown or HoldLimit where the organisation may not hold that block. Locks its hold account first.

    `given_up` are GPU-hours of its own holds that end with the same change.
    """
    held = lock_held(organisation_id=organisation_id, policy=policy, now=now)
    ends_at = cooldown_ends(held.lapses, policy)
    if ends_at is not None and ends_at > now:
        raise HoldCooldown(lapses=len(_in_window(held.lapses, policy)), policy=policy, ends_at=ends_at)
    kept = max(held.counted(policy) - given_up, 0)
    if policy.hold_limit_gpu_hours is not None and kept + block.gpu_hours > policy.hold_limit_gpu_hours:
        raise _refusal(organisation_id, kept, block, policy, now)


def lock_held(*, organisation_id: int, policy: PricePolicy, now: datetime) -> Held:
    """What the organisation holds, under the lock of its hold account: in one call."""
    since = now - policy.lapse_window - policy.cooldown
    with connection.cursor() as cursor:
        cursor.execute("SELECT plain, prolonged, lapses FROM quote_holds(%s, %s, %s)", [organisation_id, now, since])
        plain, prolonged, lapses = cursor.fetchone()
    return Held(plain, prolonged, tuple(lapses))


def cooldown_ends(lapses: Sequence[datetime], policy: PricePolicy) -> datetime | None:
    """When the last cool-down ends that these lapses began: at each lapse that filled the window."""
    needed = policy.lapses_to_cooldown
    if not needed:
        return None
    filled = [
        last for first, last in zip(lapses, lapses[needed - 1 :], strict=False) if last - first < policy.lapse_window
    ]
    return filled[-1] + policy.cooldown if filled else None


def _in_window(lapses: Sequence[datetime], policy: PricePolicy) -> list[datetime]:
    return [each for each in lapses if lapses[-1] - each < policy.lapse_window]


def _refusal(organisation_id: int, held: int, block: Block, policy: PricePolicy, now: datetime) -> HoldLimit:
    limit = policy.hold_limit_gpu_hours
    assert limit is not None
    open_quotes = Quote.objects.of(organisation_id).in_state(OPEN, now)
    if not policy.long_holds_count:
        open_quotes = open_quotes.filter(hold_days=0)
    holds = _holds(open_quotes.select_related("bundle"))
    return HoldLimit(held=held, limit=limit, block=block, release=to_release(holds, held + block.gpu_hours - limit))


def _holds(quotes: Iterable[Quote]) -> list[OpenHold]:
    """What could be released: a part of a bundle goes with all the others."""
    found: dict[str, OpenHold] = {}
    for quote in quotes:
        name = quote.bundle.public_id if quote.bundle else quote.public_id
        hours = quote.held_gpu_hours + (found[name].gpu_hours if name in found else 0)
        found[name] = OpenHold(name, hours, quote.expires_at)
    return list(found.values())


def to_release(holds: Sequence[OpenHold], too_much: int) -> list[OpenHold]:
    """The fewest holds that together free so many GPU-hours; none where all of them are too few."""
    largest = sorted(holds, key=lambda each: (-each.gpu_hours, each.quote))
    chosen: list[OpenHold] = []
    while largest and too_much > 0:
        enough = [each for each in largest if each.gpu_hours >= too_much]
        chosen.append(enough[-1] if enough else largest[0])
        too_much -= chosen[-1].gpu_hours
        largest.remove(chosen[-1])
    return chosen if too_much <= 0 else []
