"""Instances for the `policy` benchmark: who asks for what, when, and what it is worth to them.

Everything about budgets, lead times and pools is an assumption; of the openb set, arrival order, sizes and durations
are real (Alibaba cluster-trace-gpu-v2023; Weng et al., ATC 2023; the file is not part of the project). The same seed
gives the same instance. Score on seeds 0-4, tune on 500 and 501, never the other way round. The right forecast is other
seeds of the same generator (3000-3002, pooled with weight 1/3), or for openb the history half; never the realised
future.

Load = GPU-days asked by buyers who would pay the floor, over the GPU-days of supply.
"""

import csv as csv_
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pricing.clearing.options import Flags
from pricing.clearing.requests import Floats, Ints, Requests

POOLS, DAYS, SALES_OPEN = 8, 365, -180  # delivery days 0..364; requests arrive from day -180 on
FLOOR, CAP = 1.5, 8.0  # USD per GPU-hour
POPULARITY = np.array([1.5, 1.3, 1.1, 1.0, 0.9, 0.8, 0.7, 0.7]) / 8.0
RAMP_DAY = {1: 90, 3: 135, 4: 180, 6: 225}  # pool -> day on which 12,000 GPUs become 28,000
HISTORY, LIVE = "history", "live"


@dataclass(frozen=True)
class Instance:
    """Requests in the order in which they arrive; arrival (n,) days, ascending."""

    arrival: Floats
    requests: Requests


def supply(late: dict[int, int] | None = None) -> Floats:
    """GPUs per pool and day (8, 365); late is pool -> days by which its ramp is delayed."""
    gpus = np.full((POOLS, DAYS), 20_000.0)
    for pool, day in RAMP_DAY.items():
        from_day = day + (late or {}).get(pool, 0)
        gpus[pool, :from_day], gpus[pool, from_day:] = 12_000, 28_000
    return gpus


def synthetic(seed: int, load: float, lead: float = 1.0, worth: float = 1.0) -> Instance:
    """Sizes log-uniform 8..4096, durations lognormal (median 15 days), 35 % urgent (lead 10 days on average, worth 1.35
    times). Larger requests book earlier."""
    rng = np.random.default_rng(seed)
    n = int(load * 6000) + 500
    gpus = np.maximum(8, (np.exp(rng.uniform(np.log(8), np.log(4096), n)) / 8).round() * 8).astype(int)
    days = np.clip(np.exp(rng.normal(np.log(15), 1.0, n)).round(), 1, 180).astype(int)
    start = np.floor(rng.random(n) * (DAYS - days + 1)).astype(int)
    urgent = rng.random(n) < 0.35
    mean_lead = np.where(urgent, 10.0, 53 * (gpus / 181) ** 0.2) * lead
    arrival = start - np.minimum(rng.exponential(mean_lead), start - SALES_OPEN)
    value = worth * np.exp(rng.normal(np.log(2.5), 0.4, n)) * np.where(urgent, 1.35, 1.0)
    able = np.flatnonzero(value >= FLOOR)
    able = able[: np.searchsorted(np.cumsum(gpus[able] * days[able]), load * supply().sum())]
    able = able[np.argsort(arrival[able], kind="stable")]
    return _with_options(rng, arrival[able], start[able], gpus[able], days[able], value[able])


def openb(seed: int, load: float, csv: Path, half: str = LIVE) -> Instance:
    """The trace's requests, each half stretched to the 545 days of sales; durations stretched six times more, each
    request three times."""
    arrival, share, days = _half(csv, half)
    stream = {LIVE: seed + 77, HISTORY: seed}
    live = _draw(np.random.default_rng(stream[LIVE]), *_half(csv, LIVE))
    scale = _scale(live.start, live.share, live.days, live.ok, load)
    rng = np.random.default_rng(stream[half])
    drawn = _draw(rng, arrival, share, days)
    gpus = np.clip((drawn.share * scale).round(), 1, 4096).astype(int)
    k = np.flatnonzero(drawn.ok)
    return _with_options(rng, drawn.arrival[k], drawn.start[k], gpus[k], drawn.days[k], drawn.value[k])


@dataclass(frozen=True)
class _Drawn:
    start: Ints
    share: Floats
    days: Ints
    ok: Flags
    arrival: Floats
    value: Floats


def _half(csv: Path, half: str) -> tuple[Floats, Floats, Ints]:
    with csv.open() as lines:
        rows = [
            (float(r["creation_s"]), float(r["deletion_s"]), int(r["num_gpu"]) * int(r["gpu_milli"]) / 1000)
            for r in csv_.DictReader(lines)
        ]
    trace = np.array(sorted(rows))
    trace = trace[trace[:, 0] >= 9.9e6]  # before that the trace warms up
    middle = np.median(trace[:, 0])
    part = trace[trace[:, 0] >= middle] if half == LIVE else trace[trace[:, 0] < middle]
    begin, end = part[0, 0], part[-1, 0]
    stretch = (DAYS - SALES_OPEN) / (end - begin)
    days = np.clip(np.ceil((part[:, 1] - part[:, 0]) * stretch * 6), 1, 180).astype(int)
    when = np.repeat((part[:, 0] - begin) / (end - begin), 3) + np.tile(np.arange(3) * 1e-4, len(part))
    return when, np.repeat(part[:, 2], 3), np.repeat(days, 3)


def _draw(rng: np.random.Generator, when: Floats, share: Floats, days: Ints) -> _Drawn:
    urgent = rng.random(len(when)) < 0.35
    order = np.argsort(when, kind="stable")
    when, share, days, urgent = when[order], share[order], days[order], urgent[order]
    arrival = SALES_OPEN + np.minimum(when, 1) * (DAYS - SALES_OPEN) * 0.97
    lead = rng.exponential(np.where(urgent, 10.0, 64.0))
    start = np.maximum(np.ceil(arrival + lead), np.maximum(0, np.ceil(arrival))).astype(int)
    days = np.minimum(days, np.maximum(DAYS - start, 0))
    value = np.exp(rng.normal(np.log(2.5), 0.4, len(when))) * np.where(urgent, 1.35, 1.0)
    ok = (start < DAYS) & (days > 0) & (value >= FLOOR)
    return _Drawn(start, share, days, ok, arrival, value)


def _scale(start: Ints, share: Floats, days: Ints, ok: Flags, load: float) -> float:
    """GPUs per GPU share so that the live half asks for `load` times the supply, sizes capped at 4,096."""
    target = load * float(supply().sum())
    scale = target / float((share * days)[ok].sum())
    for _ in range(40):
        scale *= target / float((np.clip((share * scale).round(), 1, 4096) * days)[ok].sum())
    return scale


def _with_options(
    rng: np.random.Generator, arrival: Floats, start: Ints, gpus: Ints, days: Ints, worth: Floats
) -> Instance:
    """One to three pools by popularity; half of the requests may start up to 14 days later."""
    n = len(arrival)
    pools, flex = rng.integers(1, 4, n), np.where(rng.random(n) < 0.5, 0, rng.integers(1, 15, n))
    first, pool, begin = [0], [], []
    for i in range(n):
        choice = rng.choice(POOLS, pools[i], replace=False, p=POPULARITY / POPULARITY.sum())
        starts = np.arange(start[i], min(start[i] + flex[i], DAYS - days[i]) + 1, 1 if flex[i] < 5 else 3)
        pool.append(np.repeat(choice, len(starts)))
        begin.append(np.tile(starts, len(choice)))
        first.append(first[-1] + len(choice) * len(starts))
    flat = (np.array(first, dtype=np.int64), np.concatenate(pool), np.concatenate(begin))
    return Instance(arrival, Requests(gpus, days, worth, np.ones(n), *flat))


def pooled(instances: list[Instance]) -> Instance:
    """Several futures as one forecast: every request with its share of the weight, by arrival."""
    arrival = np.concatenate([one.arrival for one in instances])
    order = np.argsort(arrival, kind="stable")
    every = [one.requests for one in instances]
    count = np.concatenate([np.diff(one.first) for one in every])
    offset = np.cumsum(count) - count
    first = np.concatenate([[0], np.cumsum(count[order])])
    options = np.repeat(offset[order] - first[:-1], count[order]) + np.arange(first[-1])

    def by_request(name: str) -> Floats:
        return np.concatenate([getattr(one, name) for one in every])[order]

    def by_option(name: str) -> Ints:
        return np.concatenate([getattr(one, name) for one in every])[options]

    gpus, days = by_request("gpus").astype(np.int64), by_request("days").astype(np.int64)
    weight = np.full(len(order), 1.0 / len(instances))
    asked = Requests(gpus, days, by_request("worth"), weight, first, by_option("pool"), by_option("start"))
    return Instance(arrival[order], asked)
