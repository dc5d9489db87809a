"""Campus files: what they mean, and every way in which they are refused."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.supply.assumptions import BadAssumptions, read_assumptions
from marketplace.supply.campuses import (
    BadCampusFiles,
    CampusPlan,
    PlannedProject,
    read,
    shifted,
)

SAMPLE = Path(__file__).parent / "campuses"
DEMO = Path(__file__).parents[2] / "marketplace" / "local" / "market"
CENTERS, TIMELINES = "data_centers.csv", "data_center_timelines.csv"
TODAY = date(2026, 11, 23)
HERON, WEIR = "Acme Heron Marsh", "Acme Otter Weir"

Edit = Callable[[bytes], bytes]


def plan_of(directory: Path, *, today: date = TODAY) -> CampusPlan:
    return read(directory, read_assumptions(SAMPLE / "assumptions.toml"), today=today)


def projects_of(plan: CampusPlan, campus: str) -> list[PlannedProject]:
    return [project for project in plan.projects if project.campus == campus]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in (CENTERS, TIMELINES):
        shutil.copy(SAMPLE / name, tmp_path / name)
    return tmp_path


def change(files: Path, name: str, edit: Edit) -> None:
    (files / name).write_bytes(edit((files / name).read_bytes()))


def put(old: str, new: str) -> Edit:
    def edit(data: bytes) -> bytes:
        assert old.encode() in data
        return data.replace(old.encode(), new.encode(), 1)

    return edit


def add(line: str) -> Edit:
    return lambda data: data + line.encode() + b"\n"


def refusals(files: Path) -> list[str]:
    with pytest.raises(BadCampusFiles) as refused:
        plan_of(files)
    return [str(problem) for problem in refused.value.problems]


class TestMeaning:
    def test_a_rise_is_a_project_and_a_fall_a_retirement_in_order_of_date(self) -> None:
        plan = plan_of(SAMPLE)
        assert [(p.ordinal, p.date, p.accelerator, p.mw) for p in projects_of(plan, HERON)] == [
            (1, date(2025, 6, 28), "h100", Decimal("147.0")),
            (2, date(2025, 9, 26), "h100", Decimal("148.0")),
            (3, date(2027, 3, 3), "gb200", Decimal("300.0")),
        ]
        assert [(p.ordinal, p.gpus, p.h100_equivalents) for p in projects_of(plan, WEIR)] == [
            (1, 6000, Decimal(60000)),
            (2, -3000, Decimal(-30000)),
        ]

    def test_gpus_are_equivalents_on_sale_over_the_weight_in_whole_lots(self) -> None:
        first, second, third = projects_of(plan_of(SAMPLE), HERON)
        assert first.gpus == int(127337.03890853966 * 0.05 / 8) * 8
        assert first.gpus + second.gpus == int(254674.07781707932 * 0.05 / 8) * 8
        assert third.gpus == int((1e6 - 254674.07781707932) * 0.05 / 2.5268 / 72) * 72

    @settings(deadline=None)
    @given(rises=st.lists(st.decimals(min_value=1, max_value=5000, places=3), min_size=1, max_size=30))
    def test_rounding_never_adds_up(self, rises: list[Decimal]) -> None:
        plan = plan_of_rises(rises)
        assert sum(p.gpus for p in plan.projects) == int(sum(rises) * Decimal("0.05") / 8) * 8

    def test_no_change_is_a_note_on_the_next_project_and_after_the_last_on_the_last(
        self,
    ) -> None:
        plan = plan_of(SAMPLE)
        third = projects_of(plan, HERON)[2].milestones[-1]
        assert [(note.date, note.text) for note in third.notes] == [
            (date(2026, 2, 1), "Walls of building 3"),
            (date(2027, 1, 10), "Cooling of building 3"),
        ]
        assert [note.text for note in projects_of(plan, WEIR)[1].milestones[-1].notes] == ["Nothing more is planned"]

    def test_dates_up_to_today_are_actual_and_later_ones_planned(self) -> None:
        def actual(today: date) -> list[bool]:
            return [p.milestones[-1].is_actual for p in projects_of(plan_of(SAMPLE, today=today), HERON)]

        assert actual(date(2025, 9, 25)) == [True, False, False]
        assert actual(date(2025, 9, 26)) == [True, True, False]

    def test_a_site_has_its_place_its_peak_power_and_its_operator_without_marks(
        self,
    ) -> None:
        heron, weir, bare = plan_of(SAMPLE).sites
        assert (heron.operator, heron.facility_mw) == (
            "Acme Power, Inc.",
            Decimal("595.0"),
        )
        assert (heron.latitude, heron.longitude) == (32.590278, -90.093056)
        assert (weir.latitude, weir.longitude) == (41.185187, 114.700452)
        assert (bare.latitude, bare.facility_mw) == (None, Decimal(0))

    def test_a_campus_without_a_timeline_is_a_site_without_projects(self) -> None:
        assert projects_of(plan_of(SAMPLE), "Acme Bare Field") == []

    def test_a_fall_takes_the_oldest_accelerators_first(self, files: Path) -> None:
        change(files, TIMELINES, add("2028-01-01,Acme Heron Marsh,Renewal,595,500000,3,"))
        *_, first, second = projects_of(plan_of(files), HERON)
        assert (first.accelerator, first.ordinal, first.h100_equivalents) == (
            "h100",
            4,
            Decimal("-254674.07781707932"),
        )
        assert (second.accelerator, second.ordinal, second.mw) == ("gb200", 5, Decimal(0))

    def test_a_moved_date_keeps_the_key(self, files: Path) -> None:
        change(files, TIMELINES, put("2027-03-03", "2027-09-03"))
        before, after = (
            projects_of(plan_of(SAMPLE), HERON),
            projects_of(plan_of(files), HERON),
        )
        assert [(p.campus, p.ordinal, p.gpus) for p in before] == [(p.campus, p.ordinal, p.gpus) for p in after]
        assert after[2].date == date(2027, 9, 3)

    def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(self, files: Path) -> None:
        change(
            files,
            TIMELINES,
            lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
        )
        assert len(plan_of(files).projects) == len(plan_of(SAMPLE).projects)

    def test_a_plan_shifted_by_weeks_stays_as_actual_as_it_was(self) -> None:
        plan = plan_of(SAMPLE)
        moved = shifted(plan, days=14)
        assert moved.today == date(2026, 12, 7)
        assert moved.projects[2].date == date(2027, 3, 17)
        assert moved.projects[2].milestones[-1].notes[0].date == date(2026, 2, 15)
        assert [m.is_actual for p in moved.projects for m in p.milestones] == [
            m.is_actual for p in plan.projects for m in p.milestones
        ]


def plan_of_rises(rises: list[Decimal]) -> CampusPlan:
    """A campus that grows by these H100 equivalents, a day each."""
    total, lines = (
        Decimal(0),
        ["Date,Data center,Construction status,Power (MW),H100 equivalents"],
    )
    for ordinal, rise in enumerate(rises):
        total += rise
        lines.append(f"{date(2025, 1, 1 + ordinal)},{HERON},built,1,{total}")
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(SAMPLE / CENTERS, directory)
        (Path(directory) / TIMELINES).write_text("\n".join(lines))
        return plan_of(Path(directory))


class TestRefusals:
    """A row that cannot be is refused with its file, its physical line (line 3 holds a line break) and the reason."""

    ROW = "2028-05-05,Acme Heron Marsh,Text,{mw},{h100},3,"

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (",Acme Otter Weir,x,50,30000,1,", "Date is blank"),
            (
                "2027-02-30,Acme Otter Weir,x,50,30000,1,",
                "Date '2027-02-30' is not a date such as 2027-03-31",
            ),
            (
                "20270203,Acme Otter Weir,x,50,30000,1,",
                "Date '20270203' is not a date such as 2027-03-31",
            ),
            (
                "0027-02-03,Acme Otter Weir,x,50,30000,1,",
                "Date '0027-02-03' is not a date such as 2027-03-31",
            ),
            (
                "soon,Acme Otter Weir,x,50,30000,1,",
                "Date 'soon' is not a date such as 2027-03-31",
            ),
            (ROW.format(mw="-5", h100="1"), "Power (MW) '-5' is negative"),
            (ROW.format(mw="inf", h100="1"), "Power (MW) 'inf' is infinite"),
            (
                ROW.format(mw="1e999", h100="1"),
                "Power (MW) '1e999' is more than 100,000",
            ),
            (ROW.format(mw="nan", h100="1"), "Power (MW) 'nan' is not a number"),
            (ROW.format(mw="1_000", h100="1"), "Power (MW) '1_000' is not a number"),
            (ROW.format(mw="many", h100="1"), "Power (MW) 'many' is not a number"),
            (ROW.format(mw="5", h100="-1"), "H100 equivalents '-1' is negative"),
            (
                ROW.format(mw="5", h100="-Infinity"),
                "H100 equivalents '-Infinity' is infinite",
            ),
            ("2028-05-05,Acme Nowhere,x,5,1,1,", "unknown campus 'Acme Nowhere'"),
            ("2028-05-05,,x,5,1,1,", "Data center is blank"),
            (
                "2025-01-01,Acme Otter Weir,x,5,1,1,",
                "campus 'Acme Otter Weir' on 2025-01-01 is already on line 9",
            ),
            (
                "2028-05-05,Acme Otter Weir,x,5",
                "is too short: 4 fields, the header has 7",
            ),
            (
                "2028-05-05,Acme Otter Weir,x,5,1,1,,9",
                "is too long: 8 fields, the header has 7",
            ),
            (
                '2028-05-05,Acme Otter Weir,"x,5,1,1,',
                "a quote is opened here and never closed",
            ),
            (
                '2028-05-05,Acme Otter Weir,"x"y,5,1,1,',
                "is not well-formed CSV: ',' expected after '\"'",
            ),
            ("2028-05-05,Acme Otter Weir,x\0y,5,1,1,", "has a NUL byte"),
        ],
    )
    def test_a_bad_timeline_row(self, files: Path, line: str, reason: str) -> None:
        change(files, TIMELINES, add(line))
        assert refusals(files) == [f"{TIMELINES}:12: {reason}"]

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (f"{WEIR},Twice,,Acme,,,0,0", f"campus '{WEIR}' is already on line 3"),
            (",Nameless,,Acme,,,0,0", "Handle is blank"),
            ("New,New,,Acme,,,0,-1", "Current power (MW) '-1' is negative"),
            (
                "New,New,,Acme,,,lots,0",
                "Current H100 equivalents 'lots' is not a number",
            ),
            (
                "New,New,,Acme,north,,0,0",
                "Latitude north is not a coordinate such as 32°35'25\"N",
            ),
            (
                "New,New,,Acme,91,,0,0",
                "Latitude 91 is not a coordinate such as 32°35'25\"N",
            ),
            (
                'New,New,,Acme,,"10°00\'00""N",0,0',
                "Longitude 10°00'00\"N is not a coordinate such as 32°35'25\"E",
            ),
            (f"{'N' * 151},New,,Acme,,,0,0", "Handle is longer than 150 characters"),
            ("New,New,,Acme", "is too short: 4 fields, the header has 8"),
        ],
    )
    def test_a_bad_campus_row(self, files: Path, line: str, reason: str) -> None:
        change(files, CENTERS, add(line))
        assert refusals(files) == [f"{CENTERS}:5: {reason}"]

    @pytest.mark.parametrize("name", [CENTERS, TIMELINES])
    def test_an_empty_file(self, files: Path, name: str) -> None:
        (files / name).write_bytes(b" \n")
        assert refusals(files) == [f"{name}:1: the file is empty"]

    @pytest.mark.parametrize("name", [CENTERS, TIMELINES])
    def test_a_header_without_rows(self, files: Path, name: str) -> None:
        change(files, name, lambda data: data.splitlines(keepends=True)[0])
        assert refusals(files) == [f"{name}:1: there is a header and not one row"]

    def test_missing_files(self, tmp_path: Path) -> None:
        assert refusals(tmp_path / "nowhere") == [
            f"{TIMELINES}:0: cannot be read: No such file or directory",
            f"{CENTERS}:0: cannot be read: No such file or directory",
        ]

    @pytest.mark.parametrize(
        ("name", "column"),
        [(CENTERS, "Handle"), (TIMELINES, "Date"), (TIMELINES, "Power (MW)")],
    )
    def test_a_missing_column(self, files: Path, name: str, column: str) -> None:
        change(files, name, put(column, "Something else"))
        assert refusals(files) == [f"{name}:1: column {column!r} is missing"]

    def test_a_column_that_is_there_twice(self, files: Path) -> None:
        change(files, TIMELINES, put("Buildings operational", "Date"))
        assert refusals(files) == [f"{TIMELINES}:1: column 'Date' is there twice"]

    def test_text_that_is_not_utf_8(self, files: Path) -> None:
        change(files, TIMELINES, put("Walls", "W\xe4lle"))
        change(files, TIMELINES, lambda data: data.replace("ä".encode(), b"\xe4"))
        assert refusals(files) == [f"{TIMELINES}:6: is not in UTF-8 (byte 0xe4 at column 30)"]

    def test_utf_16(self, files: Path) -> None:
        change(files, CENTERS, lambda data: data.decode().encode("utf-16"))
        assert refusals(files) == [f"{CENTERS}:1: is not in UTF-8 (it looks like UTF-16)"]

    def test_everything_that_is_wrong_is_said_at_once(self, files: Path) -> None:
        change(files, CENTERS, add("New,New,,Acme,,,0,-1"))
        change(files, TIMELINES, put("2024-05-31", "2024-05-32"))
        change(files, TIMELINES, put(",147.0,", ",x,"))
        change(files, TIMELINES, add("2028-05-05,Acme Nowhere,x,-5,inf,1,"))
        assert refusals(files) == [
            f"{TIMELINES}:2: Date '2024-05-32' is not a date such as 2027-03-31",
            f"{TIMELINES}:3: Power (MW) 'x' is not a number",
            f"{TIMELINES}:12: H100 equivalents 'inf' is infinite",
            f"{TIMELINES}:12: Power (MW) '-5' is negative",
            f"{TIMELINES}:12: unknown campus 'Acme Nowhere'",
            f"{CENTERS}:5: Current power (MW) '-1' is negative",
        ]

    def test_a_rule_for_a_campus_that_is_not_there(self, files: Path) -> None:
        change(files, CENTERS, put(WEIR, "Acme Other"))
        assert f"assumptions.toml:20: names campus '{WEIR}', which {CENTERS} does not have" in refusals(files)

    @settings(deadline=None)
    @given(garbage=st.binary(max_size=300))
    def test_no_bytes_whatever_raise_anything_else(self, garbage: bytes) -> None:
        with tempfile.TemporaryDirectory() as directory:
            files = Path(directory)
            shutil.copy(SAMPLE / CENTERS, files)
            (files / TIMELINES).write_bytes((SAMPLE / TIMELINES).read_bytes() + garbage)
            with suppress(BadCampusFiles):
                plan_of(files)


class TestAssumptions:
    def test_what_a_campus_says_goes_over_the_defaults_and_names_its_origin(
        self,
    ) -> None:
        read_ = read_assumptions(SAMPLE / "assumptions.toml")
        weir, heron = read_.terms(WEIR), read_.terms(HERON)
        assert (weir.pue, heron.pue, weir.region) == (
            Decimal("1.1"),
            Decimal("1.25"),
            "Test",
        )
        assert "pue: Its operator's report" in weir.source
        assert "pue" not in weir.assumed
        assert "pue" in heron.assumed

    def test_every_fault_is_named_with_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text(
            '[sites."Acme Otter Weir"]\nshare_on_sale = 2\nseller = "nobody"\naccelerators = "abacus"\npue = nan\n'
        )
        with pytest.raises(BadAssumptions) as refused:
            read_assumptions(path)
        assert [str(problem) for problem in refused.value.problems] == [
            "mine.toml:1: [sites.Acme Otter Weir] accelerators must name known ones, each from a date on",
            "mine.toml:1: [sites.Acme Otter Weir] pue must be a number from 1 to 5",
            "mine.toml:1: [sites.Acme Otter Weir] seller 'nobody' has no table under [sellers]",
            "mine.toml:1: [sites.Acme Otter Weir] share_on_sale must be a number from 0 to 1",
        ]

    def test_a_figure_without_an_origin_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text("[accelerators.mine]\nname = 'Mine'\nfabric = 'x'\nlot = 8\nall_in_kw = 1\n"
                        "memory_gb = 8\nbf16_tflops = 10\nh100_weight = 1\ncapital_usd_per_gpu_hour = 1\n")  # fmt: skip
        with pytest.raises(BadAssumptions, match="all_in_kw is neither in sourced nor in assumed"):
            read_assumptions(path)

    def test_a_file_that_is_not_toml_says_where(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.toml"
        path.write_text("about = 'x'\n[[[\n")
        with pytest.raises(BadAssumptions, match=r"mine\.toml:2: is not TOML"):
            read_assumptions(path)


class TestDemoMarket:
    def test_has_pools_worth_trading_at_several_sellers(self) -> None:
        assumptions = read_assumptions(DEMO / "assumptions.toml")
        assert assumptions.is_demo
        assert assumptions.written_for is not None
        plan = read(DEMO, assumptions, today=assumptions.written_for)
        sold: dict[tuple[str, str], int] = dict.fromkeys(plan.pools, 0)
        for project in plan.projects:
            sold[project.campus, project.accelerator] += max(project.gpus, 0)
        assert 10 <= len(sold) <= 14
        assert all(2000 <= gpus <= 21000 for gpus in sold.values())
        assert len({site.terms.seller for site in plan.sites}) == 4
        assert {accelerator for _, accelerator in plan.pools} == {
            "h100",
            "h200",
            "b200",
            "gb200",
            "gb300",
        }
