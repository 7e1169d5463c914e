"""The lookup on PostgreSQL: one connection, one prepared SELECT for each request, and no wait without an end."""

import time
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from simsim.credential.decision import Record
from simsim.gate import process
from simsim.gate.lookup import COLUMNS, VIEW, Unavailable

CONNECT_TIMEOUT_SECONDS = 2
STATEMENT_TIMEOUT_SECONDS = 2.0
# After a failed attempt every request within this time is refused at once: waiting for a dead server one request
# after another would answer none of them.
PAUSE_SECONDS = 0.5

# Each answer says whether the server that gave it takes writes, also when there is no row: a standby, or a primary that
# was fenced, may not know of a revocation. PostgreSQL sets `transaction_read_only` before it takes the snapshot, so a
# promotion in between can't pass an old row off as a new one, as it could with `pg_is_in_recovery()`.
_SELECT = f"""
    SELECT current_setting('transaction_read_only') = 'on', {COLUMNS}
    FROM (SELECT 1) AS always LEFT JOIN {VIEW} ON digest = %s
"""  # noqa: S608


class _ReadOnlyServerError(psycopg.OperationalError):
    """A standby, or a primary that takes no writes, has answered."""


class _Connection(psycopg.Connection[TupleRow]):
    """A connection on which every wait ends: `statement_timeout` is the server's word, and a frozen server has none."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        return super().wait(gen, interval, STATEMENT_TIMEOUT_SECONDS if timeout is None else timeout)


class PostgresqlLookup:
    """Finds records in PostgreSQL, over one connection that is made again when it breaks."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._cursor: psycopg.Cursor[TupleRow] | None = None
        self._generation = 0
        self._paused_until = 0.0

    def find(self, digest: bytes) -> Record | None:
        """Return the record under a password's digest, None when there is none. Raises Unavailable."""
        if time.monotonic() < self._paused_until:
            raise Unavailable("PostgreSQL: no connection, trying again in a moment")
        (row,) = self._rows(digest)  # more than one owner of a password is no decision
        _, found, token, account, name, expires_at, revoked_at, allowlist, works_until, report_only = row
        if found is None:
            return None
        return Record(
            token_id=str(token),
            account_id=str(account),
            name=name,
            digest=found,
            expires_at=expires_at,
            revoked=revoked_at is not None,
            allowlist=allowlist,
            superseded_at=works_until,
            report_only=report_only is True,
        )

    def version(self) -> None:
        """Return None: PostgreSQL tells of commits only when it is asked, and may as well be asked for the row."""

    def close(self) -> None:
        """Let go of the connection; the next `find` makes another."""
        cursor, self._cursor = self._cursor, None
        # A child never closes what it inherited: closing says goodbye on the parent's connection.
        if cursor is not None and self._generation == process.generation():
            cursor.connection.close()

    def _rows(self, digest: bytes) -> list[TupleRow]:
        is_fresh = self._cursor is None
        started = time.monotonic()
        try:
            return self._ask(digest)
        except psycopg.Error as error:
            self.close()
            # A kept connection that broke at once (a restarted server, a changed view) says nothing about the next
            # one. One that was waited for until the time-out does.
            if is_fresh or time.monotonic() - started >= STATEMENT_TIMEOUT_SECONDS / 2:
                raise self._pause(error) from error
        try:
            return self._ask(digest)
        except psycopg.Error as error:
            self.close()
            raise self._pause(error) from error

    def _ask(self, digest: bytes) -> list[TupleRow]:
        if self._cursor is None or self._generation != process.generation():
            self._cursor = self._connected()
            self._generation = process.generation()
        rows = self._cursor.execute(_SELECT, (digest,), prepare=True).fetchall()
        if rows[0][0]:
            raise _ReadOnlyServerError
        return rows

    def _connected(self) -> psycopg.Cursor[TupleRow]:
        parameters: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "simsim gate"}
        # Of several hosts libpq then takes the primary.
        if "target_session_attrs" not in conninfo_to_dict(self._url):
            parameters["target_session_attrs"] = "read-write"
        connection = _Connection.connect(self._url, autocommit=True, **parameters)
        milliseconds = int(STATEMENT_TIMEOUT_SECONDS * 1000)
        connection.execute(f"SET statement_timeout = {milliseconds}")
        connection.execute("SET timezone = 'UTC'")
        return connection.cursor(binary=True)

    def _pause(self, error: psycopg.Error) -> Unavailable:
        self._paused_until = time.monotonic() + PAUSE_SECONDS
        if isinstance(error, _ReadOnlyServerError):
            return Unavailable("PostgreSQL: the server takes no writes, it may be a standby")
        return Unavailable(f"PostgreSQL: {type(error).__name__}")
