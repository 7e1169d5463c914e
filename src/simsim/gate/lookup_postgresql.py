"""The lookup on PostgreSQL where there is no event loop: one SELECT for each request, and a time limit on every wait.

The gate's servers have an event loop, and use `gate.shared_look`.
"""

import contextlib
import time
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from simsim.credential.decision import Record
from simsim.gate import process_identity
from simsim.gate.lookup import COLUMNS, HOLDS_IMPORTED, NODES, VIEW, Node, Unavailable, node_of

CONNECT_TIMEOUT_SECONDS = 2
STATEMENT_TIMEOUT_SECONDS = 2.0
CANCEL_TIMEOUT_SECONDS = 0.5
# After a failed attempt, every request within this time is refused at once. If they waited for a dead server one after
# another, no request would get an answer.
PAUSE_SECONDS = 0.5

# Each answer says whether its server accepts writes, even when there is no row: a standby or a fenced primary may not
# know of a revocation. PostgreSQL sets `transaction_read_only` before it takes the snapshot, so a server that is
# promoted in between can't return an old row as a current one, as it could with `pg_is_in_recovery()`.
_SELECT = f"""
    SELECT current_setting('transaction_read_only') = 'on', {COLUMNS}
    FROM (SELECT 1) AS always LEFT JOIN {VIEW} ON digest = %s
"""  # noqa: S608
_SELECT_IMPORTED = f"SELECT current_setting('transaction_read_only') = 'on', {HOLDS_IMPORTED}"
_SELECT_NODES = f"""
    SELECT current_setting('transaction_read_only') = 'on', found.*
    FROM (SELECT 1) AS always LEFT JOIN ({NODES}) AS found ON true
"""  # noqa: S608


class _ReadOnlyServerError(psycopg.OperationalError):
    """The answer came from a standby, or from a primary that does not accept writes."""


class _Connection(psycopg.Connection[TupleRow]):
    """A connection on which the client limits every wait.

    `statement_timeout` would not do: it applies to the session, which a pooler hands on to other clients, and a frozen
    server ignores it.
    """

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        return super().wait(gen, interval, STATEMENT_TIMEOUT_SECONDS if timeout is None else timeout)


class PostgresqlLookup:
    """Finds records in PostgreSQL over one connection, and opens a new one when that breaks.

    Changes no session settings, so that it works behind a pooler: the session may serve another client a moment later.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._cursor: psycopg.Cursor[TupleRow] | None = None
        self._generation = 0
        self._paused_until = 0.0

    def find(self, digest: bytes) -> Record | None:
        """Return the record under a password's digest, or None if there is none. Raises Unavailable."""
        (row,) = self._rows(_SELECT, (digest,))  # two tokens with one password are a bug, so refuse to decide
        return record_of(row[1:])

    def holds_imported(self) -> bool:
        """Whether any credentials have been imported. Raises Unavailable."""
        ((_, found),) = self._rows(_SELECT_IMPORTED, ())
        return bool(found)

    def nodes(self) -> list[Node]:
        """Return the credentials of nodes that are not revoked; some may have expired. Raises Unavailable."""
        rows = self._rows(_SELECT_NODES, ())
        return [node_of(digest, at.astimezone(UTC), networks) for _, digest, at, networks in rows if digest is not None]

    def version(self) -> None:
        """Return None: asking PostgreSQL whether anything was committed takes as long as reading the row."""

    def close(self) -> None:
        """Close the connection and cancel what it still runs; the next `find` opens another."""
        cursor, self._cursor = self._cursor, None
        # A forked child must not close an inherited connection: that would end the parent's session.
        if cursor is None or self._generation != process_identity.generation():
            return
        # A server that waits for a lock doesn't notice that its client has disconnected.
        with contextlib.suppress(psycopg.Error):
            cursor.connection.cancel_safe(timeout=CANCEL_TIMEOUT_SECONDS)
        cursor.connection.close()

    def _rows(self, select: str, values: tuple[bytes, ...]) -> list[TupleRow]:
        if time.monotonic() < self._paused_until:
            raise Unavailable("PostgreSQL: no connection, trying again in a moment")
        is_fresh = self._cursor is None
        started = time.monotonic()
        try:
            return self._ask(select, values)
        except psycopg.Error as error:
            self.close()
            # If an existing connection breaks at once (a restarted server, a changed view), a new one may work. If it
            # breaks after a wait, a new one would wait as long.
            if is_fresh or time.monotonic() - started >= STATEMENT_TIMEOUT_SECONDS / 2:
                raise self._pause(error) from error
        try:
            return self._ask(select, values)
        except psycopg.Error as error:
            self.close()
            raise self._pause(error) from error

    def _ask(self, select: str, values: tuple[bytes, ...]) -> list[TupleRow]:
        if self._cursor is None or self._generation != process_identity.generation():
            self._cursor = self._connect()
        rows = self._cursor.execute(select, values).fetchall()
        if rows[0][0]:
            raise _ReadOnlyServerError
        return rows

    def _connect(self) -> psycopg.Cursor[TupleRow]:
        connection = _Connection.connect(
            self._url, autocommit=True, prepare_threshold=None, **connection_parameters(self._url)
        )
        # Store the connection at once, so that `close` finds it if the query below fails.
        self._cursor, self._generation = connection.cursor(binary=True), process_identity.generation()
        # Prepare the statement at its first use, but not behind a pooler: the next request may get a session that lacks
        # the statement, or that has a different statement of the same name.
        if not is_pooled(connection):
            connection.prepare_threshold = 0
        return self._cursor

    def _pause(self, error: psycopg.Error) -> Unavailable:
        self._paused_until = time.monotonic() + PAUSE_SECONDS
        if isinstance(error, _ReadOnlyServerError):
            return Unavailable("PostgreSQL: the server does not accept writes; it may be a standby")
        return Unavailable(f"PostgreSQL: {type(error).__name__}")


def connection_parameters(url: str) -> dict[str, Any]:
    """Return the parameters with which a gate connects, besides those in the URL."""
    parameters: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "simsim gate"}
    # With several hosts, libpq then chooses the primary.
    if "target_session_attrs" not in conninfo_to_dict(url):
        parameters["target_session_attrs"] = "read-write"
    return parameters


def record_of(row: Sequence[Any]) -> Record | None:
    """Return the record in a row of the gate's COLUMNS, or None if the row is empty."""
    found, token, account, name, expires_at, revoked_at, allowlist, works_until, report_only, *rest = row
    if found is None:
        return None
    paused_at, paused_until, limits, rates = rest
    return Record(
        token_id=str(token),
        account_id=str(account),
        name=name,
        digest=found,
        # PostgreSQL returns times in the session's time zone.
        expires_at=expires_at.astimezone(UTC),
        revoked=revoked_at is not None,
        allowlist=allowlist,
        superseded_at=None if works_until is None else works_until.astimezone(UTC),
        report_only=report_only is True,
        paused=paused_at is not None,
        paused_until=None if paused_until is None else paused_until.astimezone(UTC),
        limits=limits,
        rates=rates,
    )


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Whether there is a pooler in between: the process that answers is not the one named when the session started."""
    (row,) = connection.execute("SELECT pg_backend_pid()").fetchall()
    return bool(row[0] != connection.info.backend_pid)
