"""The lookup on SQLite: one read-only connection, one SELECT for each lookup, and no snapshot between lookups.

Its version is the header of the WAL index, which SQLite itself uses to decide whether its cached pages are still valid.
"""

import sqlite3
import time
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from simsim.credential.decision import Record
from simsim.gate import process_identity
from simsim.gate.lookup import COLUMNS, HOLDS_IMPORTED, NODES, VIEW, Node, Unavailable, node_of
from simsim.gate.wal_index import WalIndex, identity_of, open_wal_index

BUSY_TIMEOUT_SECONDS = 0.25
# How long a connection may go on answering from a file that was replaced or removed at its path. The check is a system
# call of 1.3 to 2.4 µs, while the SELECT takes 5 to 9 µs; replacing a database (a restore) takes an operator longer
# than this. Every lookup sees changes in the file itself at once.
FILE_CHECK_SECONDS = 0.05
CACHE_KIB = 64 * 1024
REMEMBERED = 16 * 1024  # spellings

# Never empty this list: SQLite forbids a child process to use or close a connection of its parent, and dropping the
# last reference would close it.
_inherited: list[sqlite3.Cursor] = []
_SELECT = f"SELECT {COLUMNS} FROM {VIEW} WHERE digest = ?"  # noqa: S608


class SqliteLookup:
    """Finds records in an SQLite file, which it never creates and never writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._uri = f"{path.absolute().as_uri()}?mode=rw"  # mode=ro cannot take part in write-ahead logging
        self._cursor: sqlite3.Cursor | None = None
        self._generation = 0
        self._identity = (0, 0)
        self._checked_at = 0.0
        self._wal_index: WalIndex | None = None

    def version(self) -> object | None:
        """Return an object that stays the same until the next commit; None if it can't see commits. Never raises.

        Opens nothing, so only a request that needs a row waits for a missing or locked database.
        """
        try:
            if self._wal_index is not None and self._is_open():
                return self._wal_index.header()
        except (OSError, ValueError):  # the index was unlinked and truncated
            pass
        return None

    def find(self, digest: bytes) -> Record | None:
        """Return the record under a password's digest, or None if there is none. Raises Unavailable."""
        rows = self._rows(_SELECT, (digest,))
        if not rows:
            return None
        (row,) = rows  # two tokens with one password are a bug, so refuse to decide
        return _record(row)

    def holds_imported(self) -> bool:
        """Whether any credentials have been imported. Raises Unavailable."""
        ((found,),) = self._rows(f"SELECT {HOLDS_IMPORTED}", ())
        return bool(found)

    def nodes(self) -> list[Node]:
        """Return the credentials of nodes that are not revoked; some may have expired. Raises Unavailable."""
        rows = self._rows(NODES, ())
        return [node_of(digest, _instant(expires_at), networks) for digest, expires_at, networks in rows]

    def close(self) -> None:
        """Close the file; the next `find` opens it again."""
        cursor, self._cursor = self._cursor, None
        # Drop this before closing the connection: without its lock, another process may truncate the mapped file.
        self._wal_index = None
        if cursor is None:
            return
        if self._generation == process_identity.generation():
            cursor.connection.close()
        else:
            _inherited.append(cursor)

    def _rows(self, select: str, values: tuple[bytes, ...]) -> list[tuple[Any, ...]]:
        try:
            # Use fetchall, not fetchone: a statement that was not read to its end keeps its snapshot, and the next
            # request would get an old answer.
            return self._opened().execute(select, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise Unavailable(f"SQLite: {error}") from error

    def _opened(self) -> sqlite3.Cursor:
        """Return a cursor on the file that is now at the path. Raises sqlite3.Error or OSError."""
        if self._cursor is not None and self._is_open():
            return self._cursor
        self.close()
        # Read the identity before opening the file: if the file is replaced in between, the next check sees the
        # difference.
        identity = identity_of(self._path)
        connection = sqlite3.connect(self._uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
        connection.execute("PRAGMA query_only = 1")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._cursor, self._generation = connection.cursor(), process_identity.generation()
        self._identity, self._checked_at = identity, time.monotonic()
        self._wal_index = open_wal_index(connection)
        return self._cursor

    def _is_open(self) -> bool:
        """Whether this process opened the files that are at the paths, as of FILE_CHECK_SECONDS ago. Raises OSError."""
        if self._generation != process_identity.generation():
            return False
        now = time.monotonic()
        if now - self._checked_at < FILE_CHECK_SECONDS:
            return True
        is_same = identity_of(self._path) == self._identity
        if is_same and (self._wal_index is None or self._wal_index.is_current()):
            self._checked_at = now
            return True
        return False


def _record(row: tuple[Any, ...]) -> Record:
    digest, token, account, name, expires_at, revoked_at, allowlist, works_until, report_only, *rest = row
    paused_at, paused_until, limits, rates = rest
    return Record(
        _uuid(token),
        _uuid(account),
        name,
        digest,
        _instant(expires_at),
        revoked_at is not None,
        allowlist,
        None if works_until is None else _instant(works_until),
        report_only == 1,
        paused_at is not None,
        None if paused_until is None else _instant(paused_until),
        limits,
        rates,
    )


@lru_cache(maxsize=REMEMBERED)
def _uuid(text: str) -> str:
    """Return a UUID in its canonical form, from the 32 hexadecimal digits that Django stores in SQLite."""
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _instant(text: str) -> datetime:
    """Return a time, from the text that Django stores in SQLite, which is in UTC and has no offset."""
    return datetime.fromisoformat(text + "+00:00")  # takes a tenth of the time that replace(tzinfo=UTC) takes
