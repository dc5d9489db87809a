"""Energy, carbon and efficiency, worked out by hand."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from marketplace.units.compute import Footprint, flop_per_joule, footprint, gpu_hours

H100 = {
    "all_in_kw": Decimal("1.400"),
    "pue": Decimal("1.25"),
    "grams_per_kwh": Decimal("400.0"),
    "bf16_tflops": Decimal("989.4"),
    "h100_weight": Decimal("1.0000"),
}


def test_a_block_of_64_h100_for_30_days() -> None:
    # 46,080 GPU-hours x 1.4 kW = 64,512 kWh; x 1.25 = 80,640 kWh; x 0.4 kg = 32,256 kg.
    found = footprint(gpu_hours(64, 30), **H100)
    assert found == Footprint(
        64_512, Decimal("1.25"), 80_640, 32_256, Decimal("400.0"), 565_371_428_571, Decimal(46_080)
    )


def test_a_stronger_gpu_counts_by_its_weight() -> None:
    found = footprint(gpu_hours(72, 1), **{**H100, "h100_weight": Decimal("2.5268")})
    assert found.h100_hours == Decimal("4366.3104")


def test_flop_per_joule_is_flop_per_second_over_watts() -> None:
    assert flop_per_joule(Decimal(1000), Decimal(1), Decimal(1)) == 10**12
    assert flop_per_joule(Decimal(1000), Decimal(1), Decimal(2)) == 5 * 10**11


@given(st.integers(1, 10**9), st.decimals("1.00", "2.00", places=2))
def test_a_facility_never_draws_less_than_its_it(hours: int, pue: Decimal) -> None:
    found = footprint(hours, **{**H100, "pue": pue})
    assert found.facility_kwh >= found.it_kwh
