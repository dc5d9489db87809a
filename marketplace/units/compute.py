"""GPU-hours, energy, carbon and efficiency of a block: plain values in, plain values out."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Gpus = TypeVar("Gpus", int, NDArray[np.int64])
HOURS_PER_DAY = 24
WATTS = Decimal(1000)  # in a kW
TERA = Decimal(10) ** 12


@dataclass(frozen=True)
class Footprint:
    """What a block draws, emits and computes. kWh, kg and FLOP per joule are whole numbers.

    it_kwh: at the GPUs, their host and network. facility_kwh: with cooling and losses, it_kwh x PUE. carbon_kg: of
    facility_kwh. flop_per_joule: BF16 dense operations per joule of facility energy. h100_hours: H100-equivalent hours.
    """

    it_kwh: int
    pue: Decimal
    facility_kwh: int
    carbon_kg: int
    grams_per_kwh: Decimal
    flop_per_joule: int
    h100_hours: Decimal


def gpu_hours(gpus: Gpus, days: int) -> Gpus:
    """GPU-hours of `gpus` physical GPUs (a number, or an array of them) over `days` whole days."""
    return gpus * days * HOURS_PER_DAY


def it_kwh(hours: int, all_in_kw: Decimal) -> int:
    """Energy drawn by the IT: GPU-hours x all-in kW per GPU (its share of host and network), whole kWh."""
    return _whole(Decimal(hours) * all_in_kw)


def facility_kwh(hours: int, all_in_kw: Decimal, pue: Decimal) -> int:
    """Energy drawn by the facility: GPU-hours x all-in kW per GPU (its share of host and network) x PUE, whole kWh."""
    return _whole(Decimal(hours) * all_in_kw * pue)


def carbon_kg(kwh: int, grams_per_kwh: Decimal) -> int:
    """CO2 of that energy at the site's carbon intensity, whole kg."""
    return _whole(Decimal(kwh) * grams_per_kwh / 1000)


def flop_per_joule(bf16_tflops: Decimal, all_in_kw: Decimal, pue: Decimal) -> int:
    """TFLOP/s x 10^12 / (all-in kW x 1000 x PUE): BF16 dense operations per joule of the facility, whole FLOP.

    A watt is a joule a second, so FLOP/s per watt is FLOP per joule. It is the rated figure: no utilisation in it.
    """
    return _whole(bf16_tflops * TERA / (all_in_kw * WATTS * pue))


def footprint(
    hours: int,
    *,
    all_in_kw: Decimal,
    pue: Decimal,
    grams_per_kwh: Decimal,
    bf16_tflops: Decimal,
    h100_weight: Decimal,
) -> Footprint:
    """The footprint of that many GPU-hours; each figure by the function of its name."""
    drawn = facility_kwh(hours, all_in_kw, pue)
    return Footprint(
        it_kwh=it_kwh(hours, all_in_kw),
        pue=pue,
        facility_kwh=drawn,
        carbon_kg=carbon_kg(drawn, grams_per_kwh),
        grams_per_kwh=grams_per_kwh,
        flop_per_joule=flop_per_joule(bf16_tflops, all_in_kw, pue),
        h100_hours=hours * h100_weight,
    )


def _whole(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
