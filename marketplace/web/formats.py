"""How numbers, dates and ids read on a page. Pure: charts and template tags both use it.

Signs are real minus signs, a percent sign stands after a narrow space, neither wraps.
"""

from datetime import date, datetime
from decimal import Decimal

from marketplace.units.period import MONTHS, in_words

Number = int | float | Decimal
MINUS = "\u2212"
NARROW_SPACE = "\u202f"
SYMBOLS = {"USD": "$", "EUR": "€", "INR": "₹", "JPY": "¥"}
WHOLE_CURRENCIES = {"JPY"}
SHORT_ID_CHARACTERS = 4


def signed(text: str) -> str:
    """A number's text with the typographer's minus instead of the hyphen."""
    return text.replace("-", MINUS)


def money(amount: Number, currency: str = "USD", *, digits: int = 2) -> str:
    """`$2,634,508.80`; below zero `−$0.04`. Totals that bind and, with two digits, prices per GPU-hour."""
    places = 0 if currency in WHOLE_CURRENCIES else digits
    sign = MINUS if amount < 0 and round(amount, places) != 0 else ""
    symbol = SYMBOLS.get(currency, currency + "\u00a0")
    return f"{sign}{symbol}{abs(amount):,.{places}f}"


def compact_money(amount: Number, currency: str = "USD") -> str:
    """`$2.63M`, `$385k`: for comparing, never where the amount binds."""
    symbol = SYMBOLS.get(currency, currency + "\u00a0")
    sign, size = (MINUS if amount < 0 else ""), abs(float(amount))
    # A unit begins where rounding in the one below it would need four digits: $999,600 is $1.00M.
    for unit, letter, digits, begins in ((1e9, "B", 2, 999.995e6), (1e6, "M", 2, 999.5e3), (1e3, "k", 0, 999.5)):
        if size >= begins:
            return f"{sign}{symbol}{size / unit:,.{digits}f}{letter}"
    return f"{sign}{symbol}{size:,.0f}"


def count(number: Number) -> str:
    """`1,008`."""
    return signed(f"{number:,.0f}")


def compact_count(number: Number) -> str:
    """`950`, `5.8k`, `72k`, `1.2M`: large supply, and the ticks of an axis."""
    size = abs(float(number))
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= unit * 0.9995:
            value = float(number) / unit
            digits = 1 if abs(value) < 10 else 0
            return signed(f"{value:,.{digits}f}".removesuffix(".0") + letter)
    return signed(f"{float(number):,.1f}".removesuffix(".0"))


def energy(kwh: Number) -> str:
    """`82,944 kWh` is `83 MWh`; under 10 MWh with a decimal, `4.2 MWh`."""
    return f"{_thousandth(kwh)} MWh"


def carbon(kg: Number) -> str:
    """`29,030 kg` is `29 t CO₂`; under 10 t with a decimal."""
    return f"{_thousandth(kg)} t CO₂"


def efficiency(flop_per_joule: Number) -> str:
    """`565 GFLOP/J`."""
    return f"{float(flop_per_joule) / 1e9:,.0f} GFLOP/J"


def _thousandth(number: Number) -> str:
    size = float(number) / 1000
    return f"{size:,.1f}" if size < 9.95 else f"{size:,.0f}"


def percent(fraction: Number, *, digits: int = 0) -> str:
    """0.893 is `89 %`."""
    return signed(f"{float(fraction) * 100:.{digits}f}") + NARROW_SPACE + "%"


def promise(fraction: Number) -> str:
    """A probability that we stand for, floored to whole percent: 0.9699 is `96 %`, and certainty is `over 99 %`."""
    floored = int(float(fraction) * 100 + 1e-9)
    return f"over {percent(0.99)}" if floored > 99 else percent(floored / 100)


def accelerator(key: str) -> str:
    """The short name for charts and lists: `gb200` is GB200, `tpu-v5p` is TPU V5P."""
    return key.replace("-", " ").upper()


def change(fraction: Number, *, digits: int = 1) -> str:
    """A change always has its sign: `+3.2 %`, `−13.0 %`; nothing is `0 %`."""
    text = f"{float(fraction) * 100:+.{digits}f}"
    if float(text) == 0:
        text = "0"
    return signed(text) + NARROW_SPACE + "%"


def odds(fraction: Number, *, of: int = 20) -> str:
    """`17 in 20`, rounded down: a promise is never rounded up."""
    return f"{int(float(fraction) * of + 1e-9)} in {of}"


def day(value: date, *, year: bool = True) -> str:
    """`24 Mar 2027`."""
    return in_words(value) if year else in_words(value).rpartition(" ")[0]


def month(value: date, *, year: bool = True) -> str:
    """`Mar 2027`."""
    text = MONTHS[value.month - 1]
    return f"{text} {value.year}" if year else text


def days_between(start: date, end: date) -> str:
    """`27 Mar – 26 Apr 2027`; the year is said once when both have it."""
    return f"{day(start, year=start.year != end.year)} – {day(end)}"


def moment(value: datetime) -> str:
    """`23 Nov 2026, 14:35 UTC`. The value is in UTC already."""
    return f"{day(value.date())}, {value:%H:%M} UTC"


def short_id(public_id: str) -> str:
    """`rsv_7Kq4…`: enough to recognise, the whole one is in the link."""
    prefix, _, rest = public_id.partition("_")
    if len(rest) <= SHORT_ID_CHARACTERS:
        return public_id
    return f"{prefix}_{rest[:SHORT_ID_CHARACTERS]}…"


SPEC_NAMES = {
    "cpu_cores_per_gpu": "CPU cores per GPU",
    "egress_usd_per_gb": "Egress, USD per GB",
    "host_memory_gb_per_gpu": "Host memory per GPU, GB",
    "local_nvme_tb_per_gpu": "Local NVMe per GPU, TB",
    "network_gbps_per_gpu": "Network per GPU, Gbit/s",
    "network_storage_tb_per_gpu": "Network storage per GPU, TB",
    "nvlink_domain_gpus": "GPUs in an NVLink domain",
    "spare_nodes_percent": "Spare nodes, percent",
}


def spec_name(key: str) -> str:
    """A key of a service spec in words; keys that sellers add are read as they are."""
    return SPEC_NAMES.get(key) or key.replace("_", " ").capitalize()
