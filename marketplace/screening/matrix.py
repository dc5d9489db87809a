"""The rules of a screening policy: an ordered table with wildcards, of which the first line that fits decides. Pure.

A line names accelerator, country of the site, country of the customer, country of its ultimate parent, and end use,
each one value or `*`; and says allow or deny. Where no line fits the answer is deny. First match, and not the most
specific line: a reader sees from top to bottom what happens, and two lines never tie (docs/authority.md).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

ANY = "*"
ALLOW, DENY = "allow", "deny"
COMMERCIAL, RESEARCH, PUBLIC, DEFENCE, UNKNOWN = "commercial", "research", "public_sector", "defence", "unknown"
END_USES = (COMMERCIAL, RESEARCH, PUBLIC, DEFENCE, UNKNOWN)
COLUMNS = ("accelerator", "site country", "customer country", "parent country", "end use", "verdict")
COUNTRY = re.compile(r"[A-Z]{2}")
KEY = re.compile(r"[a-z0-9_-]{1,20}")


class RuleRefused(ValueError):
    """A line of the table makes no sense; the text says which, and what would be right."""


@dataclass(frozen=True)
class Deal:
    """What is screened: an accelerator at a site, for one party of the deal."""

    accelerator: str
    site_country: str
    country: str
    parent_country: str
    end_use: str


@dataclass(frozen=True)
class Rule:
    accelerator: str
    site_country: str
    country: str
    parent_country: str
    end_use: str
    verdict: str

    def fits(self, deal: Deal) -> bool:
        return all(mine in (ANY, theirs) for mine, theirs in zip(astuple(self)[:-1], astuple(deal), strict=True))


def is_allowed(rules: Iterable[Rule], deal: Deal) -> bool:
    """Whether the first rule that fits says allow; no where none fits."""
    return next((rule.verdict == ALLOW for rule in rules if rule.fits(deal)), False)


def parsed(text: str) -> tuple[Rule, ...]:
    """One rule a line, its six columns separated by spaces; what follows `#` is a remark. Raises RuleRefused."""
    rules = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if words:
            rules.append(_rule(number, words))
    return tuple(rules)


def written(rules: Sequence[Rule]) -> str:
    """The text that `parsed` reads back."""
    return "\n".join(" ".join(astuple(rule)) for rule in rules)


def _rule(number: int, words: Sequence[str]) -> Rule:
    if len(words) != len(COLUMNS):
        raise RuleRefused(f"Line {number} has {len(words)} columns: write {', '.join(COLUMNS)}.")
    rule = Rule(*words)
    if rule.accelerator != ANY and not KEY.fullmatch(rule.accelerator):
        raise RuleRefused(f"Line {number}: an accelerator is a key such as h100, or {ANY}.")
    for country in (rule.site_country, rule.country, rule.parent_country):
        if country != ANY and not COUNTRY.fullmatch(country):
            raise RuleRefused(f"Line {number}: a country is two capital letters such as DE, or {ANY}; not {country}.")
    if rule.end_use not in (ANY, *END_USES):
        raise RuleRefused(f"Line {number}: an end use is one of {', '.join(END_USES)}, or {ANY}; not {rule.end_use}.")
    if rule.verdict not in (ALLOW, DENY):
        raise RuleRefused(f"Line {number} ends with {ALLOW} or {DENY}, not with {rule.verdict}.")
    return rule
