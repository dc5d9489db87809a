"""Ranks, orders and their ties, on blocks written down by hand."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pricing.quotes.ranking import RANKS, SORTS, Block, Chosen, choose

CHEAP = Block(place=0, which=0, offset=9, worth=100.0, per_h100=10.0, carbon=50.0)
SOON = Block(place=1, which=1, offset=1, worth=150.0, per_h100=12.0, carbon=60.0)
STRONG = Block(place=2, which=2, offset=5, worth=200.0, per_h100=4.0, carbon=80.0)
GREEN = Block(place=3, which=3, offset=7, worth=180.0, per_h100=15.0, carbon=5.0)
FOUR = [CHEAP, SOON, STRONG, GREEN]


def places(found: list[Chosen]) -> list[int]:
    return [each.block.place for each in found]


def test_each_rank_has_its_winner() -> None:
    assert {each.block.place: each.ranks for each in choose(FOUR, sort="cheapest", most=10)} == {
        0: ("cheapest",),
        1: ("soonest",),
        2: ("most_compute",),
        3: (),
    }


def test_every_order_puts_its_winner_first() -> None:
    found = {sort: places(choose(FOUR, sort=sort, most=10)) for sort in SORTS}
    assert found == {
        "cheapest": [0, 1, 3, 2],
        "soonest": [1, 2, 3, 0],
        "most_compute": [2, 0, 1, 3],
        "least_co2": [3, 0, 1, 2],
    }


def test_who_wins_twice_takes_both_tags_and_the_runner_up_fills_the_slot() -> None:
    both = replace(CHEAP, per_h100=3.0)
    found = {each.block.place: each for each in choose([both, SOON, STRONG], sort="cheapest", most=1)}
    assert found[0].ranks == ("cheapest", "most_compute")
    assert found[2].next_best_in == ("most_compute",)
    assert set(found) == {0, 1, 2}


def test_alone_it_wins_everything_and_nobody_is_next() -> None:
    (found,) = choose([CHEAP], sort="least_co2", most=10)
    assert (found.ranks, found.next_best_in) == (RANKS, ())


def test_of_equal_totals_the_earlier_start_wins_and_then_the_pool_by_name() -> None:
    earlier = replace(CHEAP, place=5, which=5, offset=3)
    assert places(choose([CHEAP, earlier], sort="cheapest", most=10))[0] == 5
    twin = replace(CHEAP, place=1, which=1)
    assert places(choose([twin, CHEAP], sort="cheapest", most=10))[0] == 0


def test_of_equal_compute_per_dollar_and_of_equal_carbon_the_lower_total_wins() -> None:
    dearer = replace(CHEAP, place=1, which=1, worth=120.0, offset=0)
    for sort in ("most_compute", "least_co2"):
        assert places(choose([dearer, CHEAP], sort=sort, most=10))[0] == 0


blocks = st.lists(
    st.builds(
        Block,
        place=st.integers(0, 5),
        which=st.integers(0, 9),
        offset=st.integers(0, 9),
        worth=st.sampled_from([1.0, 2.0, 3.0]),
        per_h100=st.sampled_from([1.0, 2.0, 3.0]),
        carbon=st.sampled_from([1.0, 2.0, 3.0]),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda block: (block.place, block.which, block.offset),
)


@given(blocks, st.sampled_from(SORTS), st.integers(1, 4))
def test_every_rank_is_won_once_and_no_block_is_shown_twice(found: list[Block], sort: str, most: int) -> None:
    chosen = choose(found, sort=sort, most=most)
    won = [rank for each in chosen for rank in each.ranks]
    assert set(won) == set(RANKS)
    assert len({each.block for each in chosen}) == len(chosen)
    if len({each.block for each in chosen if each.ranks}) == len([each for each in chosen if each.ranks]):
        assert len(chosen) >= min(most, len({block.place for block in found}))


@given(blocks, st.sampled_from(SORTS))
def test_the_order_in_which_blocks_come_changes_nothing(found: list[Block], sort: str) -> None:
    distinct = list({(b.worth, b.offset, b.place, b.per_h100, b.carbon): b for b in found}.values())
    assert choose(distinct, sort=sort, most=10) == choose(distinct[::-1], sort=sort, most=10)
