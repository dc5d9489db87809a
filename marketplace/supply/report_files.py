"""A provider's file of milestone reports: read whole, judged line by line, taken in whole or not at all.

Columns: project, kind, planned, forecast, actual, note. The first two are needed, the others may be empty or missing.
Pure: what the projects have already is handed in.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

NEEDED, DATES = ("project", "kind"), ("planned", "forecast", "actual")
COLUMNS = (*NEEDED, *DATES, "note")
MOST_BYTES, MOST_LINES = 2_000_000, 20_000
Values = dict[str, str]


@dataclass(frozen=True)
class Fault:
    """What is wrong in one place of a file; line 1 is the header. `column` is empty where the whole line is."""

    line: int
    column: str
    said: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.said}"


@dataclass(frozen=True)
class Line:
    """A line that could be read: its cells as text, and its dates as dates."""

    number: int
    project: str
    kind: str
    planned: date | None
    forecast: date | None
    actual: date | None
    note: str


def read(raw: bytes) -> tuple[list[Line], list[Fault]]:
    """Every line that can be read, and every fault in the others."""
    if len(raw) > MOST_BYTES:
        return [], [Fault(1, "", f"The file has more than {MOST_BYTES:,} bytes: send it in parts.")]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = raw[: wrong.start].count(b"\n") + 1
        return [], [Fault(line, "", "This is not UTF-8. Save the file as “CSV UTF-8”.")]
    if "\x00" in text:
        return [], [Fault(text[: text.index("\x00")].count("\n") + 1, "", "There is a NUL character: this is no text.")]
    delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return _lines(rows)


def _lines(rows: Iterator[list[str]]) -> tuple[list[Line], list[Fault]]:
    found: list[Line] = []
    faults: list[Fault] = []
    seen: dict[tuple[str, str], int] = {}
    number = 1
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        faults += _of_header(header)
        if faults:
            return [], faults
        for row in rows:
            number = rows.line_num  # type: ignore[attr-defined]
            if not any(cell.strip() for cell in row):
                continue
            if len(found) >= MOST_LINES:
                return [], [Fault(number, "", f"More than {MOST_LINES:,} lines: send the file in parts.")]
            line, wrong = _line(number, header, row)
            key = line.project, line.kind
            if key in seen and not wrong:
                wrong = [Fault(number, "kind", f"Line {seen[key]} is about the same milestone: keep one of the two.")]
            seen.setdefault(key, number)
            faults += wrong
            found.append(line)
    except csv.Error as wrong_csv:
        faults.append(Fault(number + 1, "", f"This is not CSV: {wrong_csv}."))
    if not found and not faults:
        faults.append(Fault(2, "", "There is no line after the header: give one for each milestone."))
    return found, faults


def _of_header(header: Sequence[str]) -> list[Fault]:
    known = ", ".join(COLUMNS)
    faults = [Fault(1, name, f"There is no column {name}. Known: {known}.") for name in NEEDED if name not in header]
    faults += [Fault(1, name, f"Unknown column. Known: {known}.") for name in header if name not in COLUMNS]
    faults += [Fault(1, name, "The column stands twice.") for name in COLUMNS if header.count(name) > 1]
    return faults


def _line(number: int, header: Sequence[str], row: Sequence[str]) -> tuple[Line, list[Fault]]:
    faults = []
    if len(row) != len(header):
        faults.append(Fault(number, "", f"{len(row)} cells under {len(header)} columns: quote what has a comma."))
    cells = dict(zip(header, (cell.strip() for cell in row), strict=False))
    wanted = {"project": "an id such as prj_…", "kind": "a kind of milestone"}
    faults += [Fault(number, name, f"It is empty: give {wanted[name]}.") for name in NEEDED if not cells.get(name)]
    days: dict[str, date | None] = {}
    for name in DATES:
        days[name], wrong = _day(cells.get(name, ""))
        faults += [Fault(number, name, wrong)] if wrong else []
    return Line(number, cells.get("project", ""), cells.get("kind", ""), note=cells.get("note", ""), **days), faults


def _day(text: str) -> tuple[date | None, str]:
    if not text:
        return None, ""
    try:
        if len(text) != len("2027-02-01"):
            raise ValueError
        return date.fromisoformat(text), ""
    except ValueError:
        return None, f"“{text[:40]}” is no date. Write it as 2027-02-01."


def judged(lines: Sequence[Line], faults_of: Callable[[Line], dict[str, str]]) -> list[Fault]:
    """The faults of lines that could be read, by what the market knows of their projects."""
    return [Fault(line.number, column, said) for line in lines for column, said in faults_of(line).items()]
