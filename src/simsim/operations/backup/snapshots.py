"""One moment of the databases while everything runs, to count in and to copy.

The log's snapshot is taken first, so every token in the copied log is in the copied tokens' database. While the
snapshots are taken, no change of the tokens is committed on SQLite; on PostgreSQL, log and tokens in one database share
one snapshot.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from simsim.operations.backup import postgresql
from simsim.operations.backup.pace import Pace

PAGES = 2048  # are copied at once: 8 MiB


class Snapshot(Protocol):
    """One database at one moment."""

    @property
    def alias(self) -> str: ...

    def fetch(self, sql: str) -> Sequence[Sequence[Any]]:
        """Return the rows of a query."""

    def copy_into(self, folder: Path) -> Path:
        """Copy the database into a new file in the folder, and return it."""


@dataclass(frozen=True)
class SqliteSnapshot:
    """A read transaction: the writers go on beside it, and the copy doesn't begin again when they commit."""

    alias: str
    connection: sqlite3.Connection

    def fetch(self, sql: str) -> Sequence[Sequence[Any]]:
        return self.connection.execute(sql).fetchall()

    def copy_into(self, folder: Path) -> Path:
        target = folder / f"{self.alias}.sqlite3"
        with closing(sqlite3.connect(target)) as copy:
            # A crash ends the whole backup, so this file needs no protection of its own.
            copy.execute("PRAGMA synchronous = OFF")
            pace = Pace()
            self.connection.backup(copy, pages=PAGES, progress=lambda *_: pace.rest(), sleep=0)
        return target


@dataclass(frozen=True)
class PostgresqlSnapshot:
    """An exported snapshot, which pg_dump reads too."""

    alias: str
    connection: Any
    name: str

    def fetch(self, sql: str) -> Sequence[Sequence[Any]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
            return rows

    def copy_into(self, folder: Path) -> Path:
        target = folder / f"{self.alias}.dump"
        postgresql.dump(self.alias, target, snapshot=self.name)
        return target


@contextmanager
def snapshots() -> Iterator[list[Snapshot]]:
    """Give a snapshot of each database, the log's first."""
    with ExitStack() as held:
        with ExitStack() as briefly:
            if connections[DEFAULT_DB_ALIAS].vendor == "sqlite":
                tokens = briefly.enter_context(closing(connected(DEFAULT_DB_ALIAS)))
                tokens.execute("BEGIN IMMEDIATE")  # nothing is written; rolled back when closed
            aliases = sorted(connections, key=lambda alias: alias == DEFAULT_DB_ALIAS)
            found = [snapshot(alias, held) for alias in aliases]
        yield found


def snapshot(alias: str, held: ExitStack) -> Snapshot:
    if connections[alias].vendor == "sqlite":
        connection = held.enter_context(closing(connected(alias)))
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the snapshot begins with the first read
        return SqliteSnapshot(alias, connection)
    own = connections[alias].copy()
    held.callback(own.close)
    own.set_autocommit(False)
    with own.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        return PostgresqlSnapshot(alias, own, cursor.fetchone()[0])


def connected(alias: str) -> sqlite3.Connection:
    """Return a connection to an SQLite database, without Django's transactions."""
    name = str(settings.DATABASES[alias]["NAME"])
    return sqlite3.connect(name, uri=True, timeout=10, isolation_level=None)
