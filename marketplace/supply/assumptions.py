"""What the campus files do not say: which accelerators stand where, how much of them is on sale, and on what figures.

The file is TOML; `assumptions.toml` beside this module is the one used where the user names none, and explains the
shape. Every figure must be listed either in its table's `sourced` (where it comes from) or in its `assumed` (why it is
thought so): a number whose origin nobody wrote down is refused.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketplace.supply.tables import Problem
from marketplace.supply.world import KINDS

PACKAGED = Path(__file__).parent / "assumptions.toml"
ROLES = ("principal", "agent")
LONGEST = {
    "name": 60,
    "fabric": 60,
    "region": 80,
    "country": 2,
    "ultimate_parent_country": 2,
    "legal_name": 200,
}

ACCELERATOR_FIGURES = {
    "all_in_kw": (Decimal("0.01"), Decimal(100)),
    "memory_gb": (Decimal(1), Decimal(100_000)),
    "bf16_tflops": (Decimal(1), Decimal(1_000_000)),
    "fp8_tflops": (Decimal(1), Decimal(1_000_000)),
    "h100_weight": (Decimal("0.001"), Decimal(1000)),
    "capital_usd_per_gpu_hour": (Decimal(0), Decimal(1000)),
    "lot": (1, 100_000),
}
SITE_FIGURES = {
    "share_on_sale": (Decimal(0), Decimal(1)),
    "pue": (Decimal(1), Decimal(5)),
    "carbon_g_per_kwh": (Decimal(0), Decimal(5000)),
    "energy_usd_per_kwh": (Decimal(0), Decimal(10)),
}


@dataclass(frozen=True)
class AcceleratorFigures:
    key: str
    name: str
    all_in_kw: Decimal
    memory_gb: Decimal
    bf16_tflops: Decimal
    fp8_tflops: Decimal | None
    h100_weight: Decimal
    capital_usd_per_gpu_hour: Decimal
    lot: int
    fabric: str
    service: Mapping[str, Any]
    source: str
    assumed: tuple[str, ...]


@dataclass(frozen=True)
class Seller:
    key: str
    name: str
    legal_name: str
    country: str
    ultimate_parent: str
    ultimate_parent_country: str


@dataclass(frozen=True)
class SiteTerms:
    """What is assumed of one campus. `accelerators`: from which date on a phase brings which one."""

    accelerators: tuple[tuple[date, str], ...]
    share_on_sale: Decimal
    seller: str
    role: str
    region: str
    jurisdiction: str
    pue: Decimal
    carbon_g_per_kwh: Decimal
    energy_usd_per_kwh: Decimal
    service: Mapping[str, Any]
    source: str
    assumed: tuple[str, ...]

    def accelerator_on(self, day: date) -> str:
        """The last one whose date has come; the first one for phases older than them all."""
        come = [key for since, key in self.accelerators if since <= day]
        return come[-1] if come else self.accelerators[0][1]


@dataclass(frozen=True)
class Assumptions:
    file: str
    about: str
    campus_source: str
    is_demo: bool
    written_for: date | None
    milestone_days_before: Mapping[str, int]
    accelerators: Mapping[str, AcceleratorFigures]
    sellers: Mapping[str, Seller]
    default: SiteTerms
    sites: Mapping[str, SiteTerms]
    lines: Mapping[str, int]

    def terms(self, handle: str) -> SiteTerms:
        return self.sites.get(handle, self.default)


class BadAssumptions(ValueError):
    """The assumptions file cannot be used; every reason is in `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def read_assumptions(path: Path = PACKAGED) -> Assumptions:
    """A file of one's own says only what differs: what it leaves out is as in the packaged one."""
    try:
        text = path.read_bytes().decode("utf-8")
        document = tomllib.loads(text, parse_float=Decimal)
        packaged = tomllib.loads(PACKAGED.read_text("utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise BadAssumptions([Problem(path.name, 0, f"cannot be read: {error}")]) from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        raise BadAssumptions([Problem(path.name, int(found[1]) if found else 0, f"is not TOML: {error}")]) from error
    return _Reading(path.name, text, _completed(document, packaged)).assumptions()


class _Reading:
    """One pass over the document that collects every problem with the line of the table it is in."""

    def __init__(self, file: str, text: str, document: dict[str, Any]) -> None:
        self.file, self.document, self.problems = file, document, list[Problem]()
        headers = re.finditer(r"^\s*\[([^\[\]]+)\]", text, re.MULTILINE)
        self.lines = {found[1].strip().replace('"', ""): text.count("\n", 0, found.start(1)) + 1 for found in headers}

    def assumptions(self) -> Assumptions:
        accelerators = {key: self.accelerator(key, table) for key, table in self.tables("accelerators")}
        sellers = {key: self.seller(key, table) for key, table in self.tables("sellers")}
        default = dict(self.table(self.document, "defaults", "defaults"))
        sites = {handle: self.site(f"sites.{handle}", _over(default, table)) for handle, table in self.tables("sites")}
        read = Assumptions(
            file=self.file,
            about=self.text("", self.document, "about"),
            campus_source=self.text("", self.document, "campus_source"),
            is_demo=bool(self.document.get("demo", False)),
            written_for=self.document.get("written_for"),
            milestone_days_before=self.days_before(),
            accelerators=accelerators,
            sellers=sellers,
            default=self.site("defaults", default),
            sites=sites,
            lines=self.lines,
        )
        if self.problems:
            raise BadAssumptions(sorted(set(self.problems)))
        return read

    def fault(self, where: str, reason: str) -> None:
        line = self.lines.get(where, 0)
        self.problems.append(Problem(self.file, line, f"[{where}] {reason}" if where else reason))

    def table(self, parent: dict[str, Any], key: str, where: str) -> dict[str, Any]:
        value = parent.get(key, {})
        if not isinstance(value, dict):
            self.fault(where, f"{key} must be a table")
            return {}
        return value

    def tables(self, key: str) -> list[tuple[str, dict[str, Any]]]:
        parent = self.table(self.document, key, key)
        return [(name, self.table(parent, name, f"{key}.{name}")) for name in parent]

    def text(self, where: str, table: dict[str, Any], key: str, default: str | None = None) -> str:
        value = table.get(key, default)
        longest = LONGEST.get(key, 2000)
        if not isinstance(value, str) or len(value) > longest or (default is None and not value.strip()):
            self.fault(where, f"{key} must be a text of at most {longest} characters")
            return ""
        return value.strip()

    def number(self, where: str, table: dict[str, Any], key: str, least: Any, most: Any) -> Any:
        value = table.get(key)
        whole = isinstance(least, int)
        kinds = (int,) if whole else (int, Decimal)
        if isinstance(value, bool) or not isinstance(value, kinds) or not _within(value, least, most):
            self.fault(
                where,
                f"{key} must be a {'whole ' if whole else ''}number from {least} to {most}",
            )
            return least
        return value if whole else Decimal(value)

    def provenance(self, where: str, table: dict[str, Any], figures: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        """(what to show as the source, names of the figures that are assumptions)."""
        sourced, assumed = (
            self.table(table, "sourced", where),
            self.table(table, "assumed", where),
        )
        for figure in figures:
            if figure in table and not (sourced.get(figure) or assumed.get(figure)):
                self.fault(where, f"{figure} is neither in sourced nor in assumed")
        said = [f"{figure}: {text}" for figure, text in sourced.items() if figure not in assumed]
        said += [f"{figure} (assumption): {text}" for figure, text in assumed.items()]
        return "\n".join(said), tuple(assumed)

    def accelerator(self, key: str, table: dict[str, Any]) -> AcceleratorFigures:
        where = f"accelerators.{key}"
        wanted = {name: span for name, span in ACCELERATOR_FIGURES.items() if name != "fp8_tflops" or name in table}
        figures = {name: self.number(where, table, name, *span) for name, span in wanted.items()}
        source, assumed = self.provenance(where, table, ACCELERATOR_FIGURES)
        return AcceleratorFigures(
            **{"fp8_tflops": None, **figures},
            key=key,
            name=self.text(where, table, "name"),
            fabric=self.text(where, table, "fabric"),
            service=self.table(table, "service", where),
            source=source,
            assumed=assumed,
        )

    def seller(self, key: str, table: dict[str, Any]) -> Seller:
        where = f"sellers.{key}"
        required = {name: self.text(where, table, name) for name in ("name", "legal_name", "country")}
        parent = {name: self.text(where, table, name, "") for name in ("ultimate_parent", "ultimate_parent_country")}
        return Seller(key=key, **required, **parent)

    def site(self, where: str, table: dict[str, Any]) -> SiteTerms:
        source, assumed = self.provenance(where, table, SITE_FIGURES)
        figures: dict[str, Any] = {name: self.number(where, table, name, *span) for name, span in SITE_FIGURES.items()}
        texts: dict[str, Any] = {
            name: self.text(where, table, name) for name in ("seller", "role", "region", "jurisdiction")
        }
        if texts["seller"] not in self.document.get("sellers", {}):
            self.fault(where, f"seller {texts['seller']!r} has no table under [sellers]")
        if texts["role"] not in ROLES:
            self.fault(where, f"role must be one of {', '.join(ROLES)}")
        if not re.fullmatch("[A-Z]{2}", texts["jurisdiction"]):
            self.fault(where, "jurisdiction must be a country's two letters, such as US")
        return SiteTerms(
            accelerators=self.phases(where, table),
            service=self.table(table, "service", where),
            source=source,
            assumed=assumed,
            **figures,
            **texts,
        )

    def phases(self, where: str, table: dict[str, Any]) -> tuple[tuple[date, str], ...]:
        phases = table.get("accelerators") or {}
        if isinstance(phases, str):
            phases = [{"from": date.min, "accelerator": phases}]
        found: list[tuple[Any, Any]] = [
            (phase.get("from"), phase.get("accelerator")) for phase in phases if isinstance(phase, dict)
        ]
        known = self.document.get("accelerators", {})
        if not found or any(not isinstance(since, date) or key not in known for since, key in found):
            self.fault(where, "accelerators must name known ones, each from a date on")
            return ((date.min, ""),)
        return tuple(sorted(found))

    def days_before(self) -> dict[str, int]:
        table = self.table(self.document, "milestones", "milestones")
        return {kind: self.number("milestones", table, kind, 0, 3650) for kind in KINDS}


def _within(value: int | Decimal, least: int | Decimal, most: int | Decimal) -> bool:
    return Decimal(value).is_finite() and least <= value <= most


def _over(default: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """A campus's table over the default one: each figure brings its own origin, and the others keep theirs."""
    merged = default | table
    for name in ("sourced", "assumed", "service"):
        merged[name] = {**default.get(name, {}), **table.get(name, {})}
    for name, other in (("sourced", "assumed"), ("assumed", "sourced")):
        merged[name] = {key: why for key, why in merged[name].items() if key not in table.get(other, {})}
    return merged


def _completed(document: dict[str, Any], packaged: dict[str, Any]) -> dict[str, Any]:
    merged = packaged | document
    for name in ("accelerators", "sellers"):
        if isinstance(merged[name], dict):
            merged[name] = packaged[name] | merged[name]
    if isinstance(merged["defaults"], dict):
        merged["defaults"] = _over(packaged["defaults"], merged["defaults"])
    return merged
