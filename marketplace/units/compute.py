"""GPU-hours, energy and carbon of a block: plain values in, plain values out."""

from decimal import ROUND_HALF_EVEN, Decimal

HOURS_PER_DAY = 24


def gpu_hours(gpus: int, days: int) -> int:
    """GPU-hours of `gpus` physical GPUs over `days` whole days."""
    return gpus * days * HOURS_PER_DAY


def facility_kwh(hours: int, all_in_kw: Decimal, pue: Decimal) -> int:
    """Energy drawn by the facility: GPU-hours x all-in kW per GPU (its share of host and network) x PUE, whole kWh."""
    return int((Decimal(hours) * all_in_kw * pue).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def carbon_kg(kwh: int, grams_per_kwh: Decimal) -> int:
    """CO2 of that energy at the site's carbon intensity, whole kg."""
    return int((Decimal(kwh) * grams_per_kwh / 1000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
