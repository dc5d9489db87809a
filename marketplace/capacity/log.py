"""What has committed since the last look: the ledger's entries as a log that misses nothing.

Ids are handed out in order but commit out of order, so "every entry above the highest one seen" would miss those that
commit late. An id that is not there while a higher one is stays in `gaps` and is asked for again, until every
transaction that could still bring it has ended. That can be told: whoever has an id of an entry had a transaction id
before (the ledger locks its rows first), so it was lower than the next transaction id to be given at the look that
found the gap; once no transaction below that runs any more and the entry is not there, it was rolled back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from marketplace.units.prepared import fetch_one

EPOCH = date(2000, 1, 1)  # days are counted from here
MOST_NEW = 5000  # entries in one look: beyond that, reading all days is cheaper
MOST_GAPS = 500
DAY_COLUMNS = 8  # of a look that has all days with it
UNKNOWN = 0  # a transaction id that this look could not tell


class Movement(NamedTuple):
    """GPUs more (or fewer) in a pool and class over the days [first, end)."""

    pool_id: int
    firmness: str
    first: int
    end: int
    gpus: int


@dataclass(frozen=True)
class Look:
    """What one statement saw, in one snapshot.

    `following` is the next transaction id to be given, or UNKNOWN; every transaction below `oldest_running` has ended.
    `whole` has the columns of all days, where they were asked for; `beside` what the caller wanted seen with them.
    """

    server: str
    has_written: bool
    oldest_running: int
    following: int
    limits_written: int | None
    last: int
    entries: dict[int, Movement]
    expired: list[Movement]
    whole: tuple[bytes | None, ...] = ()
    beside: tuple[Any, ...] = ()


@dataclass
class Log:
    """Which entries have been seen: all up to `last` but `gaps`, each with the transaction id below which everything
    must have ended before it is known never to come. Until nothing runs below `since`, there may be gaps from before
    the first look, of which nobody knows."""

    server: str
    last: int
    since: int
    gaps: dict[int, int] = field(default_factory=dict)

    def continues(self, seen: Look) -> bool:
        """Whether the look's entries are all that happened since: the same server, and not too much at once."""
        in_reach = self.last <= seen.last <= self.last + MOST_NEW and len(self.gaps) <= MOST_GAPS
        return in_reach and seen.server == self.server

    def take_in(self, seen: Look) -> list[Movement]:
        """Notes what the look saw, and returns it."""
        known = {number: until or seen.following for number, until in self.gaps.items() if number not in seen.entries}
        missing = [number for number in range(self.last + 1, seen.last) if number not in seen.entries]
        self.gaps = {number: until for number, until in known.items() if not _have_ended(until, seen)}
        self.gaps |= dict.fromkeys(missing, seen.following)
        self.since = self.since or seen.following
        self.last = seen.last
        return list(seen.entries.values())

    def is_settled(self, seen: Look) -> bool:
        """Whether every gap is known."""
        return _have_ended(self.since, seen)


def _have_ended(until: int, seen: Look) -> bool:
    return until != UNKNOWN and until <= seen.oldest_running


def first_log(seen: Look) -> Log:
    return Log(seen.server, seen.last, seen.following)


_asked_in: dict[int, datetime] = {}  # database process -> start of the transaction in which it was last asked


def look(log: Log | None, now: datetime, *, whole: bool = False, beside: str = "") -> Look:
    """One statement: what is new to the log, the holds whose time is over at `now`, and, if asked, all days.

    `beside` is SQL for further columns, such as another room wants of the same snapshot: a second statement would
    cost a search more than what it reads.
    """
    parameters: dict[str, Any] = {
        "epoch": EPOCH,
        "now": now,
        "last": log.last if log else 2**62,
        "most": MOST_NEW,
        "gaps": list(log.gaps) if log else [],
    }
    row = fetch_one(_statement(whole, beside), parameters)
    server, backend, began, has_written, oldest_running, following, limits_written, last = row[:8]
    end = 19 + (DAY_COLUMNS if whole else 0)
    # Within one transaction PostgreSQL tells the next id as it was when it was first asked.
    is_stale, _asked_in[backend] = _asked_in.get(backend) == began, began
    return Look(
        server=server,
        has_written=has_written,
        oldest_running=oldest_running,
        following=UNKNOWN if is_stale else following,
        limits_written=limits_written,
        last=last,
        entries=dict(zip(row[8] or (), _movements(row[9:14]), strict=True)),
        expired=_movements(row[14:19]),
        whole=row[19:end],
        beside=row[end:],
    )


def _movements(columns: Sequence[list[Any] | None]) -> list[Movement]:
    return [Movement(*row) for row in zip(*(column or () for column in columns), strict=True)]


@lru_cache(maxsize=8)
def _statement(whole: bool, beside: str) -> str:
    columns = ["entries.*", "expired.*", *(["days.*"] if whole else []), *([beside] if beside else [])]
    return f"{_SELECT} {', '.join(columns)} {_FROM}{_ALL_DAYS if whole else ''}"


_SELECT = """
    SELECT
        (pg_postmaster_start_time(), (SELECT oid FROM pg_database WHERE datname = current_database()))::text,
        pg_backend_pid(), transaction_timestamp(),
        pg_current_xact_id_if_assigned() IS NOT NULL,
        pg_snapshot_xmin(snapshot)::text::bigint,
        -- The next id is not in a snapshot, whose xmax may lie below the ids of transactions that run; age() has it.
        pg_snapshot_xmax(snapshot)::text::bigint
            + age((pg_snapshot_xmax(snapshot)::text::bigint %% 4294967296)::text::xid),
        (SELECT by_transaction FROM marketplace_limitswritten),
        newest.id,
"""
# The ids are named one by one, though a range would do: of a range the planner expects more rows the longer the table,
# and then makes a plan for every look, which takes longer than the look.
_FROM = """
    FROM pg_current_snapshot() AS snapshot,
        (SELECT coalesce(max(id), 0) AS id FROM marketplace_ledgerentry) AS newest, LATERAL (
        SELECT array_agg(id), array_agg(pool_id), array_agg(firmness), array_agg(start - %(epoch)s::date),
            array_agg("end" - %(epoch)s::date), array_agg(held + committed)
        FROM marketplace_ledgerentry
        WHERE id = ANY(%(gaps)s::bigint[] || ARRAY(
            SELECT generate_series(%(last)s::bigint + 1, least(newest.id, %(last)s::bigint + %(most)s))))
    ) AS entries, LATERAL (
        SELECT array_agg(l.pool_id), array_agg(c.firmness), array_agg(l.start - %(epoch)s::date),
            array_agg(l.occupied_end - %(epoch)s::date), array_agg(-l.quantity)
        FROM marketplace_claim c JOIN marketplace_claimline l ON l.claim_id = c.id
        WHERE c.status = 'held' AND c.expires_at <= %(now)s
    ) AS expired
"""
# Sent as PostgreSQL keeps them: hundreds of thousands of numbers, which NumPy reads without a loop.
_ALL_DAYS = """
    , LATERAL (
        SELECT array_send(array_agg(pool_id)), array_send(array_agg(day - %(epoch)s::date)),
            array_send(array_agg(limit_firm)), array_send(array_agg(limit_standard)),
            array_send(array_agg(limit_standby)), array_send(array_agg(firm_held + firm_committed)),
            array_send(array_agg(standard_held + standard_committed)),
            array_send(array_agg(standby_held + standby_committed))
        FROM marketplace_capacityday
    ) AS days
"""
