"""A market operated month by month on a build-out whose milestones slip: what is sold, what falls short, what is done.

Simulated, every part of it but the plan of the build-out: the slips are drawn from the product's own distributions,
demand and terms are assumptions. No figure of it is anybody's record.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bench._options import Line, Option, Terms, case_from, not_served, waits
from marketplace.supply.campuses import CampusPlan
from marketplace.supply.projection import class_limits, project
from marketplace.supply.slips import DEFAULT_POLICY, slipped
from marketplace.supply.world import KINDS, World
from pricing.clearing.room import Room
from reservations.allocation.case import Case, Weights
from reservations.allocation.solver import Outcome, solve

Ints = NDArray[np.int64]

SCENARIOS, DAYS = 400, 730
EFFORT = 600
ASKED = 5  # requests per pool and month
PLAN_WITHIN = 90  # days: a shortfall that begins later is watched, for the dates may still change
CONSENTS = 0.7  # of those who are asked; an assumption
KNOWN_AHEAD = 30  # days before a planned date from which its owner says what the new one is
STEPS = (7, 14, 30, 60, 90, 120, 180, 270)  # days of the waits that are offered
WEIGHTS = Weights(moved_usd=2_000.0, short_gpu_day_usd=(48.0, 24.0, 8.0))


@dataclass
class Contract:
    key: int
    pool: int
    start: int  # days from the operation's first
    end: int
    gpus: int
    firmness: int
    price: float
    buyer: int
    terms: Terms
    elsewhere: tuple[int, ...]
    agreed: bool


@dataclass
class Month:
    first: date
    sold_gpus: int = 0
    sold: int = 0
    refused: int = 0
    running: int = 0
    watching: int = 0
    shortfalls: int = 0
    concerned: int = 0
    waits: int = 0
    moves: int = 0
    unserved: int = 0
    credits_usd: float = 0.0  # of waits, and what a dearer pool costs
    refunds_usd: float = 0.0  # of those not served
    short_gpu_days: int = 0
    touched: list[int] = field(default_factory=lambda: [0, 0, 0])  # by class: not as contracted
    gap: float = 0.0
    harm_usd: float = 0.0
    earliest_first_usd: float = 0.0


@dataclass
class Operation:
    """State between months: the plan, what truly happens to it, and the contracts."""

    plan: CampusPlan
    first: date
    seed: int
    contracts: list[Contract] = field(default_factory=list)
    short_before: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 6])
        self.pools = self.plan.pools
        self.true = _true_days(self.plan, self.first, self.seed)
        self.made = 0

    def months(self, count: int) -> Iterator[Month]:
        for at in range(count):
            yield self._month(_month_after(self.first, at))

    def _month(self, day: date) -> Month:
        now = (day - self.first).days
        found = Month(day)
        self.contracts = [each for each in self.contracts if each.end > now]
        limits = self._limits(now)
        self._mend(limits, now, found)
        self._sell(limits, now, found)
        found.running = len(self.contracts)
        return found

    def _limits(self, now: int) -> Ints:
        """(3, pools, DAYS) from the day `now` on, projected from what is known then."""
        world = _world(self.plan, self.first, self.true, now)
        supply = project(world, DEFAULT_POLICY, seed=self.seed * 1000 + now, scenarios=SCENARIOS, days=DAYS)
        limits = [
            class_limits(supply.p90[pool], supply.p50[pool], supply.p10[pool], int(lot))
            for pool, lot in enumerate(world.pools.lot)
        ]
        return np.stack(limits, axis=1)

    def _use(self, contracts: list[Contract], now: int) -> Ints:
        use = np.zeros((3, len(self.pools), DAYS), dtype=np.int64)
        for each in contracts:
            use[each.firmness :, each.pool, max(each.start - now, 0) : each.end - now] += each.gpus
        return use

    def _mend(self, limits: Ints, now: int, found: Month) -> None:
        """Shortfalls begin within sight: a plan is made for the pools concerned, and done."""
        short = self._use(self.contracts, now) > limits
        near = short[:, :, :PLAN_WITHIN].any(axis=2)
        found.watching = int((short.any(axis=2) & ~near).sum())
        standing = {(int(row), int(pool)) for row, pool in zip(*np.nonzero(near), strict=True)}
        found.shortfalls = len(standing - self.short_before)
        self.short_before = standing
        if not standing:
            return
        hit = {pool for _, pool in standing}
        concerned = [each for each in self.contracts if each.pool in hit]
        others = [each for each in self.contracts if each.pool not in hit]
        case = self._case(concerned, limits - self._use(others, now), now)
        outcome = solve(case, weights=WEIGHTS, seed=self.seed, effort=EFFORT)
        self._apply(concerned, case, outcome, now, found)

    def _case(self, concerned: list[Contract], limits: Ints, now: int) -> Case:
        room = Room(limits - self._use(concerned, now))
        columns = {
            name: np.array([getattr(each, name) for each in concerned], dtype=np.int64)
            for name in ("key", "firmness", "buyer")
        }
        return case_from(
            [self._options(each, room, now) for each in concerned],
            limits=limits,
            rank=columns["key"],
            group=np.full(len(concerned), -1),
            price=np.array([each.price for each in concerned]),
            **columns,
        )

    def _options(self, each: Contract, room: Room, now: int) -> list[Option]:
        """As contracted; waits while not yet begun; substitutes with room; a running one is paused until it fits."""
        line: Line = (each.pool, max(each.start - now, 0), each.end - now, each.gpus)
        found = [Option([line])]
        terms = each.terms
        if each.start < now:
            paused = Terms(terms.rate, terms.grace, terms.cap, False, terms.total, terms.daily)
            found += waits(line, STEPS, paused, DAYS)
        else:
            found += waits(line, STEPS, terms, DAYS)
            found += [
                Option([(other, *line[1:])], round(0.04 * terms.total, 2), moves=True, consent=not each.agreed)
                for other in each.elsewhere
                if room.fits(each.firmness, [(other, *line[1:])])
            ]
        return [*found, not_served(line, terms, DAYS)]

    def _apply(self, concerned: list[Contract], case: Case, outcome: Outcome, now: int, found: Month) -> None:
        declined = outcome.proposed & (self.rng.random(len(case)) > CONSENTS)
        done = np.where(declined, outcome.fallback, outcome.chosen)
        found.concerned, found.gap = len(case), outcome.gap
        found.harm_usd, found.earliest_first_usd = outcome.harm / 100, outcome.baseline.reckoning.harm / 100
        for at, contract in enumerate(concerned):
            option = int(done[at])
            if option == case.now_option[at]:
                continue
            owed = float(case.harm_usd[option])
            found.short_gpu_days += int(case.short_gpu_days[option])
            found.touched[contract.firmness] += 1
            if case.line_first[option] == case.line_first[option + 1]:
                found.unserved += 1
                found.refunds_usd += owed
                self.contracts.remove(contract)
                continue
            found.credits_usd += owed
            found.moves += bool(case.moves[option])
            found.waits += not case.moves[option]
            at_line = case.line_first[option]
            contract.pool = int(case.pool[at_line])
            contract.start, contract.end = int(case.start[at_line]) + now, int(case.end[at_line]) + now

    def _sell(self, limits: Ints, now: int, found: Month) -> None:
        room = Room(limits - self._use(self.contracts, now))
        for pool in range(len(self.pools)):
            largest = int(limits[1, pool].max())
            for _ in range(ASKED if largest else 0):
                asked = self._asked(pool, largest, now)
                line = (asked.pool, asked.start - now, asked.end - now, asked.gpus)
                if room.fits(asked.firmness, [line]):
                    room.take(asked.firmness, [line])
                    self.contracts.append(asked)
                    found.sold, found.sold_gpus = found.sold + 1, found.sold_gpus + asked.gpus
                else:
                    found.refused += 1

    def _asked(self, pool: int, largest: int, now: int) -> Contract:
        rng = self.rng
        share = float(np.clip(0.01 * (rng.pareto(1.1) + 1), 0, 0.3))
        gpus = max(int(largest * share) // 72 * 72, 72)
        days = int(rng.choice((30, 60, 90, 180, 365)))
        start = int(rng.integers(0, DAYS - days))
        price = float(rng.uniform(1.6, 3.2))
        daily = 24 * gpus * price
        terms = Terms(
            float(rng.choice((0.5, 1.0))), int(rng.choice((0, 7, 14))), float(rng.choice((0.15, 0.25, 0.5))),
            bool(rng.random() < 0.6), daily * days, daily,
        )  # fmt: skip
        self.made += 1
        others = rng.permutation(len(self.pools))[: int(rng.integers(0, 4))]
        return Contract(
            self.made, pool, now + start, now + start + days, gpus, int(rng.choice(3, p=(0.35, 0.45, 0.2))), price,
            int(rng.zipf(1.7)), terms, tuple(int(other) for other in others if other != pool),
            bool(rng.random() < 0.3),
        )  # fmt: skip


def _month_after(first: date, months: int) -> date:
    year, month = divmod(first.month - 1 + months, 12)
    return date(first.year + year, month + 1, 1)


def _true_days(plan: CampusPlan, first: date, seed: int) -> list[list[int]]:
    """Per project and milestone the day on which it truly comes: its planned day and a slip drawn for a plan made a
    year ahead. Shocks shared by site and kind, as in the projection. What is built on the first day has been."""
    rng: Generator = np.random.default_rng([seed, 5])
    sites = {site.handle: rng.standard_normal() for site in plan.sites}
    kinds = rng.standard_normal(len(KINDS))
    policy = DEFAULT_POLICY
    found = []
    for one in plan.projects:
        days = []
        for milestone in one.milestones:
            planned = (milestone.date - first).days
            kind = KINDS.index(milestone.kind)
            z = policy.site_weight * sites[one.campus] + policy.kind_weight * kinds[kind]
            z = np.array([z + policy.own_weight * rng.standard_normal()])
            slip = float(slipped(policy, kind, policy.full_lead_days, z)[0]) - policy.full_lead_days
            days.append(planned if planned <= 0 or one.gpus < 0 else planned + round(slip))
        found.append(days)
    return found


def _world(plan: CampusPlan, first: date, true: list[list[int]], now: int) -> World:
    """What is known on a day: what has come is actual; what is due soon and will be late has its new date."""
    places = {pool: at for at, pool in enumerate(plan.pools)}
    sites = {site.handle: at for at, site in enumerate(plan.sites)}
    figures = plan.assumptions.accelerators
    milestones = []
    for at, one in enumerate(plan.projects):
        for milestone, day in zip(one.milestones, true[at], strict=True):
            planned = (milestone.date - first).days
            come, told = day <= now, planned - KNOWN_AHEAD <= now
            forecast = day - now if told and not come else None
            milestones.append((at, milestone.kind, planned - now, forecast, day - now if come else None))
    return World.of(
        sites=[
            (site.handle, float(site.terms.pue), float(site.facility_mw), float(site.terms.share_on_sale))
            for site in plan.sites
        ],
        pools=[
            (f"{campus}/{key}", sites[campus], float(figures[key].all_in_kw), figures[key].lot)
            for campus, key in plan.pools
        ],
        projects=[
            (f"{one.campus}/{one.ordinal}", places[one.campus, one.accelerator], one.gpus, float(one.mw))
            for one in plan.projects
        ],
        milestones=milestones,
    )
