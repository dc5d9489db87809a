"""Charts: what a reader sees in the drawing is true, legible, and also in the table."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from marketplace.web.charts.breakdown import Part, breakdown_rows
from marketplace.web.charts.colours import colours
from marketplace.web.charts.fan import Fan, supply_fan, supply_table
from marketplace.web.charts.flex import Flex, flex_table, start_date_changes
from marketplace.web.charts.forward import Limits, Series, forward_curves, forward_table
from marketplace.web.charts.heatmap import HeatCell, HeatRow, heat_bin, heat_map, heat_table, whole_percent
from marketplace.web.charts.multiples import Panel, multiples_table, small_multiples
from marketplace.web.charts.projects import ProjectBar, project_table
from marketplace.web.charts.refusal import Refusal, refusal_steps, refusal_table
from marketplace.web.charts.scales import date_ticks, nice_ticks, spread, text_width

FIRST = date(2026, 11, 23)
SVG = "{http://www.w3.org/2000/svg}"
NASTY = '<script>alert("x")</script>&\''


def weeks(number: int) -> list[date]:
    return [FIRST + timedelta(days=7 * index) for index in range(number)]


def pictures(markup: str) -> list[ElementTree.Element]:
    """Every drawing of a chart, parsed: markup that is not well formed fails here."""
    named = markup.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    return list(ElementTree.fromstring(f"<div>{named}</div>").iter(f"{SVG}svg"))


def words(markup: str) -> str:
    return " | ".join("".join(text.itertext()) for picture in pictures(markup) for text in picture.iter(f"{SVG}text"))


def boxes(picture: ElementTree.Element) -> Iterator[tuple[str, float, float, float, float]]:
    """Estimated left, top, right and bottom of each text of a drawing."""
    for text in picture.iter(f"{SVG}text"):
        said = "".join(text.itertext())
        size = float((re.search(r"font-size:(\d+)", text.get("style", "")) or ["", "12"])[1])
        width = text_width(said, size=size)
        x, y = float(text.get("x", 0)), float(text.get("y", 0))
        left = {"start": x, "middle": x - width / 2, "end": x - width}[text.get("text-anchor", "start")]
        yield said, left, y - size * 0.75, left + width, y + size * 0.15


def overlaps(picture: ElementTree.Element) -> list[tuple[str, str]]:
    found = list(boxes(picture))
    return [
        (one[0], other[0])
        for index, one in enumerate(found)
        for other in found[:index]
        if one[1] < other[3] and other[1] < one[3] and one[2] < other[4] and other[2] < one[4]
    ]


def curves(number: int, *, length: int = 53, base: float = 2.0) -> list[Series]:
    days = weeks(length)
    return [
        Series(f"Type {index}", f"type-{index}", days, [base + 0.01 * index] * length, emphasised=index == 0)
        for index in range(number)
    ]


def fan(days: Sequence[date], *, sold: float = 500) -> Fan:
    steps = [1000.0 + 500 * (index // 20) for index in range(len(days))]
    return Fan(days, [step * 0.9 for step in steps], steps, [step * 1.1 for step in steps], [sold] * len(days), "GPUs")


def project(name: str = "Kestrel Plain", **changes: object) -> ProjectBar:
    values = {
        "site": name,
        "phase": "building 2",
        "planned": FIRST + timedelta(days=60),
        "p10": FIRST + timedelta(days=70),
        "p50": FIRST + timedelta(days=84),
        "p90": FIRST + timedelta(days=120),
        "gpus": 28_000,
        "mw": 554.0,
        "bottleneck": "Chillers",
    }
    return ProjectBar(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [2, 9, 53, 366])
@pytest.mark.parametrize("number", [1, 5, 14])
def test_forward_labels_never_touch(number: int, length: int) -> None:
    drawn = pictures(forward_curves(curves(number, length=length), floor_cap=Limits("GB200", 1.9, 2.4), title="Prices"))
    assert [picture.get("class") for picture in drawn] == ["medium", "compact", "narrow"]
    assert [overlaps(picture) for picture in drawn] == [[], [], []]


@pytest.mark.parametrize("base", [0.004, 3.0, 250_000.0])
def test_forward_curves_take_any_magnitude(base: float) -> None:
    for picture in pictures(forward_curves(curves(3, base=base), title="Prices")):
        assert overlaps(picture) == []


def test_a_gap_in_a_curve_stays_open() -> None:
    series = Series("GB200", "gb200", weeks(6), [1.0, 1.1, None, None, 1.3, 1.2])
    medium, *_ = pictures(forward_curves([series], title="Prices"))
    assert len([path for path in medium.iter(f"{SVG}path") if path.get("class") == "ln"]) == 2


def test_a_cap_far_above_the_prices_is_said_and_does_not_squash_the_curves() -> None:
    chart = forward_curves(curves(2), floor_cap=Limits("GB200", 1.9, 500.0), title="Prices")
    assert "GB200 cap $500.00, above this scale" in words(chart)
    assert "$500 " not in words(chart)


def test_a_limit_that_is_not_published_is_not_drawn() -> None:
    chart = forward_curves(curves(2), floor_cap=Limits("GB200", None, 2.2), title="Prices")
    assert "floor" not in words(chart)


def test_the_forward_table_has_every_price_of_the_chart() -> None:
    series = [Series("GB200", "gb200", weeks(2), [3.634, None]), Series("H100", "h100", weeks(2), [2.0, 2.1])]
    table = forward_table(series, caption="Prices")
    assert table.head == ("Delivery week", "GB200", "H100")
    assert table.rows == ((FIRST, "$3.63", "$2.00"), (FIRST + timedelta(days=7), "–", "$2.10"))
    assert table.numeric == {1, 2}


@pytest.mark.parametrize("days", [14, 400, 2557])
@pytest.mark.parametrize("sold", [0, 500, 890, 5000])
def test_fan_labels_never_touch(days: int, sold: float) -> None:
    dates = [FIRST + timedelta(days=index) for index in range(days)]
    bars = [project(f"Site {index}", p90=FIRST + timedelta(days=100 + 9 * index)) for index in range(11)]
    drawn = pictures(supply_fan(fan(dates, sold=sold), bars, title="Supply"))
    assert [picture.get("class") for picture in drawn] == ["wide", "medium", "narrow"]
    assert [overlaps(picture) for picture in drawn] == [[], [], []]


def test_the_fan_names_its_headroom_and_its_probabilities() -> None:
    said = words(supply_fan(fan([FIRST + timedelta(days=index) for index in range(400)]), [], title="Supply"))
    assert "firm headroom" in said
    assert all(name in said for name in ("P90", "P50", "P10", "Sold"))


def test_what_is_sold_beyond_p90_is_said_in_words() -> None:
    said = words(supply_fan(fan(weeks(30), sold=1000), [], title="Supply"))
    assert "Short by 100 on 23 Nov 2026" in said


def test_the_fan_draws_eight_projects_and_the_table_lists_all() -> None:
    bars = [project(f"Site {index}") for index in range(11)]
    wide, *_ = pictures(supply_fan(fan(weeks(30)), bars, title="Supply"))
    assert sum("Site" in text for text, *_ in boxes(wide)) == 8
    assert len(project_table(bars, caption="Projects").rows) == 11


def test_a_project_without_a_foreseeable_date_is_drawn_and_says_so() -> None:
    unknown = project(p50=None, p90=None)
    assert "no date yet" in words(supply_fan(fan(weeks(60)), [unknown], title="Supply"))
    assert project_table([unknown], caption="Projects").rows[0][3:5] == ("–", "–")


def test_the_supply_table_has_headroom_with_its_sign() -> None:
    table = supply_table(Fan(weeks(1), [900], [1000], [1100], [1200], "GPUs"), caption="Supply")
    assert table.rows == ((FIRST, "900", "1,000", "1,100", "1,200", "−300"),)


def test_seven_years_of_days_make_a_drawing_of_moderate_size() -> None:
    dates = [FIRST + timedelta(days=index) for index in range(2557)]
    assert len(supply_fan(fan(dates), [], title="Supply")) < 60_000


def test_multiples_have_one_panel_each_and_the_marked_price() -> None:
    days = weeks(10)
    panels = [
        Panel("Texas", "Mesa · GB200", "gb200", [3.0 + index for index in range(10)]),
        Panel("Gulf", "Dune · GB300", "gb300", [None] * 10),
    ]
    chart = small_multiples(panels, dates=days, mark=days[3], title="Price")
    assert [picture.get("class") for picture in pictures(chart)] == ["wide", "narrow"]
    assert "$6.00" in chart
    assert multiples_table(panels, dates=days, caption="Price").rows[0] == (FIRST, "$3.00", "–")


def test_each_built_cell_of_the_heat_map_is_a_link_with_words() -> None:
    cells = [HeatCell(0.5, "/a/?w=1&p=2"), HeatCell(1.06, "/b/"), HeatCell(None, "/c/")]
    wide, _, narrow = pictures(heat_map([HeatRow("Mesa", "GB200", cells)], weeks(3), title="Share"))
    links = list(wide.iter(f"{SVG}a"))
    assert [link.get("href") for link in links] == ["/a/?w=1&p=2", "/b/"]
    assert "a shortfall" in (links[1].get("aria-label") or "")
    assert "not built yet" in "".join(wide.itertext())
    assert wide.get("role") == narrow.get("role") == "group"


def test_a_shortfall_shows_where_numbers_do_not_fit() -> None:
    row = HeatRow("Mesa", "GB200", [HeatCell(1.01, "/x/")] + [HeatCell(0.7, "/y/")] * 25)
    *_, narrow = pictures(heat_map([row], weeks(26), title="Share"))
    assert "!" in [text for text, *_ in boxes(narrow)]


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1), (0.594, 1), (0.6, 2), (0.75, 3), (0.9, 4), (0.97, 5), (1.0, 5), (1.0001, 6), (1.5, 6)],
)
def test_bins_of_the_heat_map(share: float, expected: int) -> None:
    assert heat_bin(share) == expected


def test_nothing_above_the_limit_reads_as_within_it() -> None:
    assert whole_percent(1.001) == 101
    assert whole_percent(0.999) == 100
    assert (
        heat_table([HeatRow("Mesa", "GB200", [HeatCell(1.001, "/")])], weeks(1), caption="x").rows[0][1] == "101\u202f%"
    )


def test_the_refusal_says_what_was_asked_what_there_is_and_when_it_fits() -> None:
    days = [FIRST + timedelta(days=index) for index in range(150)]
    headroom = [864.0 if index < 100 else 5000.0 for index in range(150)]
    refusal = Refusal(days, headroom, 4032, days[20], days[80], days[100])
    chart = refusal_steps(refusal, title="Headroom")
    assert "You asked: 4,032" in words(chart)
    assert "864 on all days" in words(chart)
    assert "fits from 3 Mar 2027" in words(chart)
    assert [overlaps(picture) for picture in pictures(chart)] == [[], [], []]
    assert refusal_table(refusal, caption="x").rows == ((FIRST, "864"), (days[100], "5,000"))


def test_changes_by_start_date_leave_out_what_does_not_fit() -> None:
    days = [FIRST + timedelta(days=index) for index in range(57)]
    flex = Flex(
        days, [0.08 - index * 0.004 if index != 7 else None for index in range(57)], days[20], days[40], "saves $1k"
    )
    chart = start_date_changes(flex, title="Change")
    assert [overlaps(picture) for picture in pictures(chart)] == [[], [], []]
    assert "your date, 13 Dec" in words(chart)
    assert flex_table(flex, caption="x").rows[7][1] == "–"
    assert flex_table(flex, caption="x").rows[0][1] == "+8.0\u202f%"


@pytest.mark.parametrize(
    "markup",
    [
        forward_curves([], title="x"),
        forward_curves([Series("A", "a", [FIRST], [None])], title="x"),
        supply_fan(Fan([], [], [], [], [], "GPUs"), [project()], title="x"),
        small_multiples([], dates=[], title="x"),
        heat_map([], [], title="x"),
        refusal_steps(Refusal([], [], 8, FIRST, FIRST + timedelta(days=1)), title="x"),
        start_date_changes(Flex([FIRST], [None], FIRST), title="x"),
    ],
)
def test_with_nothing_to_draw_a_chart_says_so(markup: str) -> None:
    assert words(markup).strip(" |")


@pytest.mark.parametrize(
    "markup",
    [
        forward_curves([Series(NASTY, NASTY, weeks(3), [1.0, 2.0, 3.0])], floor_cap=Limits(NASTY, 1, 2), title=NASTY),
        supply_fan(fan(weeks(30)), [project(NASTY, phase=NASTY, bottleneck=NASTY)], title=NASTY),
        small_multiples([Panel(NASTY, NASTY, NASTY, [1.0, 2.0, 3.0])], dates=weeks(3), title=NASTY),
        heat_map([HeatRow(NASTY, NASTY, [HeatCell(0.5, NASTY)])], weeks(1), title=NASTY),
    ],
)
def test_names_are_escaped(markup: str) -> None:
    assert pictures(markup)
    assert "<script" not in markup


def test_one_point_and_one_day_are_drawn() -> None:
    assert pictures(forward_curves([Series("A", "h100", [FIRST], [2.0])], title="x"))
    assert pictures(supply_fan(Fan([FIRST], [1], [2], [3], [0], "GPUs"), [], title="x"))
    assert pictures(supply_fan(Fan([FIRST], [0], [0], [0], [0], "GPUs"), [], title="x"))


def test_new_accelerators_take_spare_hues_and_known_ones_keep_theirs() -> None:
    chosen = colours(["gb200", "mi355x", "tpu", "gb200"])
    assert chosen == {"gb200": "var(--gb200)", "mi355x": "var(--extra-1)", "tpu": "var(--extra-2)"}


def test_breakdown_lines_add_up_and_keep_four_decimals() -> None:
    rows = breakdown_rows([Part("Floor", Decimal("2.61")), Part("Up front", Decimal("-0.04"), "terms")])
    assert [row.shown for row in rows] == ["2.6100", "−0.0400"]
    assert "var(--good)" in rows[1].bar


@pytest.mark.parametrize(("low", "high"), [(0, 1), (2.1, 2.1), (0, 5_300_000), (-0.14, 0.08), (0, 0)])
def test_ticks_enclose_the_values_with_few_round_steps(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 8


@pytest.mark.parametrize("days", [0, 1, 20, 61, 62, 200, 400, 1000, 2557])
def test_date_ticks_lie_inside_and_one_of_the_first_two_says_the_year(days: int) -> None:
    last = FIRST + timedelta(days=days)
    ticks = date_ticks(FIRST, last, pixels=600)
    assert all(FIRST <= tick.day <= last for tick in ticks)
    assert not ticks or re.search(r"20\d\d", "".join(tick.label for tick in ticks[:2]))


def test_spread_keeps_the_order_and_the_gap_and_moves_no_more_than_needed() -> None:
    assert spread([10, 50], gap=14, low=0, high=100) == [10, 50]
    assert spread([10, 11, 12], gap=14, low=0, high=100) == [0, 14, 28]
    assert spread([50, 50], gap=10, low=0, high=100) == [45, 55]
    crowded = spread([90, 95, 99], gap=60, low=0, high=100)
    assert crowded == [0, 50, 100]
