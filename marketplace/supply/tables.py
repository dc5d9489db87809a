"""CSV files as they come: read whole, with every fault named by file and physical line before anything is used."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_NEWLINE = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, order=True)
class Problem:
    """Why a file is refused, and where. Line 0: the file as a whole."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True)
class Row:
    file: str
    line: int
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column].strip()

    def get(self, column: str) -> str:
        return self.values.get(column, "").strip()

    def problem(self, reason: str) -> Problem:
        return Problem(self.file, self.line, reason)


def read_table(path: Path, columns: Sequence[str], problems: list[Problem]) -> list[Row]:
    """The sound rows of a file that must have these columns; what is wrong with the others goes to `problems`."""
    file = path.name
    try:
        data = path.read_bytes()
    except OSError as error:
        problems.append(Problem(file, 0, f"cannot be read: {error.strerror or error}"))
        return []
    if not data.strip():
        problems.append(Problem(file, 1, "the file is empty"))
        return []
    damaged = _damaged_lines(file, data, problems)
    records = list(_records(file, data, problems))
    if not records or records[0][0] in damaged or not _header_is_sound(file, records[0], columns, problems):
        return []
    if len(records) == 1 and not damaged:
        problems.append(Problem(file, records[0][0], "there is a header and not one row"))
    return list(_rows(file, records, damaged, problems))


def _damaged_lines(file: str, data: bytes, problems: list[Problem]) -> set[int]:
    """Numbers of the lines that are not text in UTF-8. They are reported once, and their rows are not looked at."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.append(Problem(file, 1, "is not in UTF-8 (it looks like UTF-16)"))
        return set(range(1, len(_NEWLINE.split(data)) + 1))
    damaged = set()
    for number, line in enumerate(_NEWLINE.split(data), start=1):
        reason = _damage(line)
        if reason:
            problems.append(Problem(file, number, reason))
            damaged.add(number)
    return damaged


def _damage(line: bytes) -> str:
    if b"\0" in line:
        return "has a NUL byte"
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"is not in UTF-8 (byte 0x{line[error.start]:02x} at column {error.start + 1})"
    return ""


def _records(file: str, data: bytes, problems: list[Problem]) -> Iterator[tuple[int, int, list[str]]]:
    """(first line, last line, fields) of each record; csv counts physical lines, also inside quotes."""
    text = data.decode("utf-8-sig", errors="replace").replace("\0", "\ufffd")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(Problem(file, start, _csv_fault(str(error))))
            continue
        if any(field.strip() for field in fields) or len(fields) > 1:
            yield start, reader.line_num, fields


def _csv_fault(error: str) -> str:
    if "unexpected end of data" in error or "field limit" in error:
        return "a quote is opened here and never closed"
    return f"is not well-formed CSV: {error}"


def _header_is_sound(
    file: str,
    record: tuple[int, int, list[str]],
    columns: Sequence[str],
    problems: list[Problem],
) -> bool:
    line, _, fields = record
    names = [field.strip() for field in fields]
    faults = [f"column {column!r} is missing" for column in columns if column not in names]
    faults += [f"column {name!r} is there twice" for name in sorted(set(names)) if name and names.count(name) > 1]
    problems += [Problem(file, line, fault) for fault in faults]
    return not faults


def _rows(
    file: str,
    records: list[tuple[int, int, list[str]]],
    damaged: set[int],
    problems: list[Problem],
) -> Iterator[Row]:
    names = [field.strip() for field in records[0][2]]
    for start, end, fields in records[1:]:
        if damaged.intersection(range(start, end + 1)):
            continue
        if len(fields) != len(names):
            size = "short" if len(fields) < len(names) else "long"
            problems.append(
                Problem(
                    file,
                    start,
                    f"is too {size}: {len(fields)} fields, the header has {len(names)}",
                )
            )
            continue
        yield Row(file, start, dict(zip(names, fields, strict=True)))
