"""How many statements the server has run in a database: counted by the server itself (pg_stat_statements), so that no
way around Django's counters is missed. BEGIN, COMMIT and what the server asks itself to check foreign keys are not
counted, as no published figure counts them."""

from django.db import connection


class CannotCount(Exception):
    """The server does not count statements."""


_CALLS = """
    SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %s) AND query NOT LIKE '%%pg_stat_statements%%'
        AND query NOT LIKE 'SELECT %% FROM ONLY %% FOR KEY SHARE OF x'
"""


def statements_run(database: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')")
        if not cursor.fetchone()[0]:
            raise CannotCount("Run it through ./headroom bench, on a server that has pg_stat_statements.")
        cursor.execute(_CALLS, [database])
        return int(cursor.fetchone()[0])
