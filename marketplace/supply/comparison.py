"""Two projections side by side: by how much each project moved and why, and where each pool's supply changed most.

Why is worked out, not guessed: both runs' inputs are stored and random numbers are keyed, so that dates can be drawn
again with one cause after the other taken from the later run: the days that passed, the policy, dates of milestones,
disruptions. Each cause has the days that its own step moved; together they are the whole move, to the day. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from marketplace.supply.inputs import NEVER_KNOWN, Dates, Inputs, Phase
from marketplace.supply.world import Ints

TIME, POLICY, DATES, DISRUPTIONS, SIZE, UNKNOWN = "time", "policy", "dates", "disruptions", "size", "unknown"


@dataclass(frozen=True)
class Cause:
    """One reason, what it was in words, and the days by which it alone moved P50 and P90 (0 where only GPUs moved)."""

    kind: str
    said: tuple[str, ...]
    p50_days: int = 0
    p90_days: int = 0


@dataclass(frozen=True)
class Outlook:
    """A project's dates in one projection."""

    p50: date
    p90: date
    expected: date


@dataclass(frozen=True)
class ProjectMove:
    """`before` is None for a project that is new, `after` for one that is gone."""

    key: str
    before: Outlook | None
    after: Outlook | None
    causes: tuple[Cause, ...]

    def days(self, name: str) -> int | None:
        """By how many days a date moved; later is positive. None where there is none to compare."""
        if self.before is None or self.after is None:
            return None
        then, now = getattr(self.before, name), getattr(self.after, name)
        return None if NEVER_KNOWN in (then, now) else int((now - then).days)

    @property
    def p50_days(self) -> int | None:
        return self.days("p50")

    @property
    def p90_days(self) -> int | None:
        return self.days("p90")

    @property
    def expected_days(self) -> int | None:
        return self.days("expected")

    @property
    def size(self) -> int:
        """For the order of a list: what is new or gone comes first, then what moved most."""
        moved = [abs(days) for days in (self.p50_days, self.p90_days) if days is not None]
        return max(moved, default=100_000)


@dataclass(frozen=True)
class Change:
    """Where one quantile of a pool differs: the first and the last day, and the day of the largest difference."""

    first: date
    last: date
    largest_on: date
    largest: int


@dataclass(frozen=True)
class PoolMove:
    key: str
    p90: Change | None
    p50: Change | None
    causes: tuple[Cause, ...]

    @property
    def size(self) -> int:
        return max((abs(change.largest) for change in (self.p90, self.p50) if change), default=0)


def project_moves(
    before: Inputs, after: Inputs, was: Mapping[str, Outlook], now: Mapping[str, Outlook]
) -> Iterator[ProjectMove]:
    """Every project that is new, gone, of another size, or has another date, by how much it moved."""
    moved = [key for key in now if key in was and now[key] != was[key]]
    steps = _steps(before, after, moved, was, now) if before.is_whole and after.is_whole else {}
    for key in {**was, **now}:
        causes = tuple(_causes(before, after, key, steps.get(key, {})))
        if key in moved and not causes:
            causes = (Cause(TIME, tuple(_passed(before, after))),)
        # A disruption that could hit and moved nothing is no news.
        if key in moved or any(cause.kind != DISRUPTIONS for cause in causes):
            yield ProjectMove(key, was.get(key), now.get(key), causes)


def _steps(
    before: Inputs,
    after: Inputs,
    keys: Sequence[str],
    was: Mapping[str, Outlook],
    now: Mapping[str, Outlook],
) -> dict[str, dict[str, tuple[int, int]]]:
    """Project -> cause -> days by which it alone moved (P50, P90)."""
    early = {key: (was[key].p50, was[key].p90) for key in keys}
    later = replace(before.at(after.first_day), seed=after.seed, scenarios=after.scenarios)
    judged = replace(later, policy=after.policy, pools=_trusted(later, after))
    phases = {key: _dated(judged.phases[key], after.phases[key]) for key in keys}
    dated = replace(judged, phases=phases)
    moved = [key for key in keys if phases[key] != judged.phases[key]]
    drawn = [early]
    # A step in which nothing differs needs no drawing: it leaves the dates where they were.
    for inputs, differ in (
        (later, keys if later != before else ()),
        (judged, keys if judged != later else ()),
        (dated, moved),
    ):
        drawn.append({**drawn[-1], **(inputs.ready(differ) if differ else {})})
    drawn.append({key: (now[key].p50, now[key].p90) for key in keys})
    kinds = (TIME, POLICY, DATES, DISRUPTIONS)
    return {
        key: {kind: _apart(drawn[step][key], drawn[step + 1][key]) for step, kind in enumerate(kinds)} for key in keys
    }


def _trusted(before: Inputs, after: Inputs) -> dict[str, tuple[str, float, int, float, float]]:
    """The pools as before, with the trust in their providers as after."""
    return {key: (*row[:3], *after.pools.get(key, row)[3:]) for key, row in before.pools.items()}


def _dated(before: Phase, after: Phase) -> Phase:
    """The project with its later dates and the disruptions known before. One retired or added since counts as dated."""
    return replace(before, milestones=after.milestones, gpus=after.gpus)


def _apart(early: tuple[date, date], late: tuple[date, date]) -> tuple[int, int]:
    return (late[0] - early[0]).days, (late[1] - early[1]).days


def _causes(before: Inputs, after: Inputs, key: str, steps: Mapping[str, tuple[int, int]]) -> Iterator[Cause]:
    then, now = before.phases.get(key), after.phases.get(key)
    if then is None or now is None:
        yield Cause(SIZE, ("The project is new." if then is None else "The project was withdrawn.",))
        return
    if not (before.is_whole and after.is_whole):
        yield Cause(UNKNOWN, ("The earlier version was made by a release that did not keep its milestones.",))
        return
    said = {
        TIME: list(_passed(before, after)),
        POLICY: [*policy_changes(before.policy, after.policy, then.milestones), *_trust_changes(before, after, then)],
        DATES: list(_date_changes(then.milestones, now.milestones)),
        DISRUPTIONS: list(_named(before, after, set(then.delays), set(now.delays))),
    }
    for kind, words in said.items():
        days = steps.get(kind, (0, 0))
        if any(days) or (words and kind in (DATES, DISRUPTIONS)):
            yield Cause(kind, tuple(words), *days)
    sized = tuple(_size_changes(then, now))
    if sized:
        yield Cause(SIZE, sized)


def _passed(before: Inputs, after: Inputs) -> Iterator[str]:
    days = (after.first_day - before.first_day).days
    if days:
        yield f"{days} {'day' if days == 1 else 'days'} passed: what is open is nearer, or later."
    if (before.seed, before.scenarios) != (after.seed, after.scenarios):
        yield "Other scenarios were drawn."


def policy_changes(before: Mapping[str, Any], after: Mapping[str, Any], kinds: Iterable[str]) -> Iterator[str]:
    """What differs between two policies for a project that waits for these kinds, in words."""
    then, now = ({slip["kind"]: _figures(slip) for slip in policy["slips"]} for policy in (before, after))
    drawn = [kind for kind in kinds if then.get(kind) != now.get(kind)]
    if drawn:
        yield f"Slips of {', '.join(drawn)} are drawn from another distribution."
    names = sorted({*before, *after} - {"slips", "source"})
    changed = [name.replace("_", " ") for name in names if before.get(name) != after.get(name)]
    if changed:
        yield f"Changed in the policy: {', '.join(changed)}."


def _trust_changes(before: Inputs, after: Inputs, phase: Phase) -> Iterator[str]:
    then, now = before.pools.get(phase.pool), after.pools.get(phase.pool)
    if then and now and then[3:] != now[3:]:
        yield "What its provider announces is trusted differently, by its own record."


def _figures(slip: Mapping[str, Any]) -> dict[str, Any]:
    """What is drawn from, without the words about where it comes from."""
    return {name: value for name, value in slip.items() if name not in ("source", "assumption")}


def _date_changes(before: Mapping[str, Dates], after: Mapping[str, Dates]) -> Iterator[str]:
    for kind in {**before, **after}:
        then, now = before.get(kind), after.get(kind)
        if then is None or now is None:
            yield f"{kind}: {'added' if then is None else 'no longer waited for'}"
        elif now != then:
            yield f"{kind}: {_date_change(then, now)}"


def _date_change(then: Dates, now: Dates) -> str:
    if now[2] != then[2]:
        return f"came on {now[2]}" if now[2] else f"is open again (was said to have come on {then[2]})"
    late = ((now[1] or now[0] or date.max) - (then[1] or then[0] or date.max)).days
    if not late:
        return "another plan, the same forecast"
    return f"expected {now[1] or now[0]}, {abs(late)} days {'later' if late > 0 else 'earlier'}"


def _named(before: Inputs, after: Inputs, then: set[str], now: set[str]) -> Iterator[str]:
    for name in sorted(now - then):
        yield f"new: {_in_words(after, name)}"
    for name in sorted(then - now):
        yield f"{before.stated.get(name, {}).get('gone', 'over')}: {_in_words(before, name)}"


def _in_words(inputs: Inputs, name: str) -> str:
    stated = inputs.stated.get(name, {})
    return f"{stated['what']} ({stated['reason']})" if stated else name


def _size_changes(then: Phase, now: Phase) -> Iterator[str]:
    if now.gpus != then.gpus:
        yield f"{now.gpus:,} GPUs, {then.gpus:,} before"
    if now.pool != then.pool:
        yield f"in {now.pool}, in {then.pool} before"
    if now.retires != then.retires:
        yield f"retires {now.retires or 'on no known day'}, {then.retires or 'on no known day'} before"


def change(before: Ints, after: Ints, *, first_before: date, first_after: date) -> Change | None:
    """Where two rows of GPUs by day differ, over the days that both have; None where they do not."""
    first = max(first_before, first_after)
    then, now = before[(first - first_before).days :], after[(first - first_after).days :]
    days = min(len(then), len(now))
    difference = now[:days].astype(np.int64) - then[:days]
    where = np.flatnonzero(difference)
    if not len(where):
        return None
    most = int(np.abs(difference).argmax())

    def day(offset: int) -> date:
        return first + timedelta(days=offset)

    return Change(day(int(where[0])), day(int(where[-1])), day(most), int(difference[most]))


def pool_causes(before: Inputs, after: Inputs, key: str, moved: Mapping[str, str]) -> Iterator[Cause]:
    """Why a pool's supply moved: its projects (`moved`: key -> name), windows, its site's power, the derate."""
    projects = [name for phase, name in moved.items() if _pool_of(before, after, phase) == key]
    if projects:
        yield Cause(DATES, tuple(f"project {name}" for name in projects))
    then, now = ({name for name, *_ in inputs.windows.get(key, ())} for inputs in (before, after))
    windows = tuple(_named(before, after, then, now))
    if windows:
        yield Cause(DISRUPTIONS, windows)
    site = after.pools[key][0] if key in after.pools else None
    if site is not None and before.sites.get(site) != after.sites.get(site):
        yield Cause(SIZE, ("The site's power, PUE or share on sale changed.",))
    policy = tuple(policy_changes(before.policy, after.policy, ()))
    if policy:
        yield Cause(POLICY, policy)


def _pool_of(before: Inputs, after: Inputs, phase: str) -> str | None:
    found = after.phases.get(phase) or before.phases.get(phase)
    return found.pool if found else None
