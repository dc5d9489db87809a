"""A provider's file: every wrong place is named with its line, its column and what would be right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.supply.report_files import MOST_LINES, read

HEAD = "project,kind,planned,forecast,actual,note\n"


def faults(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return [str(fault) for fault in read(raw)[1]]


def test_a_sound_file_is_read_whole_with_empty_lines_and_a_mark_at_its_start() -> None:
    lines, wrong = read(
        ("\ufeff" + HEAD + 'prj_1,power,,2027-05-01,,"late, again"\n\nprj_1,chips,,,2026-11-01,\n').encode()
    )
    assert wrong == []
    assert [(line.number, line.kind, line.note) for line in lines] == [(2, "power", "late, again"), (4, "chips", "")]
    assert str(lines[0].forecast) == "2027-05-01"


def test_semicolons_and_columns_in_another_order_are_read_too() -> None:
    lines, wrong = read(b"forecast;kind;project\n2027-05-01;power;prj_1\n")
    assert (wrong, lines[0].project, str(lines[0].forecast)) == ([], "prj_1", "2027-05-01")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, project: There is no column project."),
        ("project,forecast\nprj_1,2027-01-01\n", "line 1, kind: There is no column kind."),
        ("project,kind,forcast\n", "line 1, forcast: Unknown column."),
        ("project,kind,kind\n", "line 1, kind: The column stands twice."),
        (HEAD, "line 2: There is no line after the header"),
        (HEAD + ",power,,,,\n", "line 2, project: It is empty"),
        (HEAD + "prj_1,,,2027-05-01,,\n", "line 2, kind: It is empty"),
        (HEAD + "prj_1,power,,01.05.2027,,\n", "line 2, forecast: “01.05.2027” is no date. Write it as 2027-02-01."),
        (HEAD + "prj_1,power,,2027-02-30,,\n", "line 2, forecast: “2027-02-30” is no date."),
        (HEAD + "prj_1,power,,20270201,,\n", "line 2, forecast: “20270201” is no date."),
        (HEAD + "prj_1,power\n", "line 2: 2 cells under 6 columns"),
        (HEAD + "prj_1,power,,2027-05-01,,late, again\n", "line 2: 7 cells under 6 columns"),
        (HEAD + "prj_1,power,,2027-05-01,,\nprj_1,power,,2027-06-01,,\n", "line 3, kind: Line 2 is about the same"),
        (HEAD + 'prj_1,power,,2027-05-01,,"open\n', "This is not CSV"),
        (HEAD.encode() + b"prj_1,power,,2027-05-01,,\xe4\n", "line 2: This is not UTF-8"),
        (HEAD + "prj_1,power,,2027-05-01,,a\x00b\n", "line 2: There is a NUL character"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(text: str | bytes, said: str) -> None:
    assert any(said in each for each in faults(text)), faults(text)


def test_every_fault_is_named_and_not_only_the_first() -> None:
    text = HEAD + "prj_1,power,x,y,,\n,chips,,2027-05-01,,\n"
    assert [each.split(":")[0] for each in faults(text)] == ["line 2, planned", "line 2, forecast", "line 3, project"]


def test_a_file_that_is_too_long_is_refused_as_a_whole() -> None:
    lines, wrong = read((HEAD + "prj_1,power,,2027-05-01,,\n" * (MOST_LINES + 1)).encode())
    assert lines == []
    assert "send the file in parts" in str(wrong[-1])


@given(st.binary(max_size=300))
def test_no_bytes_whatever_break_the_reading(raw: bytes) -> None:
    lines, wrong = read(raw)
    assert lines or wrong
    assert all(fault.line >= 1 and fault.said for fault in wrong)
