"""A database with all tables, migrated once and kept until a migration changes: every pytest worker copies it."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from marketplace.local.home import ROOT

WHAT_MAKES_TABLES = ("*/migrations/*.py", "*/*/sql/*.sql", "requirements.lock")
DRAFT = "tables_draft"
MAKING = 7463  # the advisory lock of whoever makes it


def ready_made() -> str:
    """Its name. The first worker that asks makes it, under another name so that a half-made one is never copied."""
    name = f"tables_{_digest()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        session.execute("SELECT pg_advisory_lock(%s)", [MAKING])  # until the connection ends
        kept = [
            found for (found,) in session.execute("SELECT datname FROM pg_database WHERE datname LIKE 'tables\\_%'")
        ]
        if name not in kept:
            for old in kept:
                session.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(old)))
            session.execute(SQL("CREATE DATABASE {}").format(Identifier(DRAFT)))
            _migrate(DRAFT)
            session.execute(SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(DRAFT), Identifier(name)))
    return name


def _digest() -> str:
    files = sorted(path for pattern in WHAT_MAKES_TABLES for path in Path(ROOT).glob(pattern))
    said = hashlib.sha256()
    for path in files:
        said.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return said.hexdigest()[:16]


def _migrate(database: str) -> None:
    env = os.environ | {"DATABASE_URL": make_conninfo(os.environ["DATABASE_URL"], dbname=database)}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=env, check=True)
