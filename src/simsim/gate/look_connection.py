"""The connection that carries looks at PostgreSQL. The wait for an answer never blocks the event loop.

After psycopg has connected, libpq is used directly: for one round trip, psycopg's own cursor takes longer than
PostgreSQL does.
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format

from simsim.gate.lookup import COLUMNS, HOLDS_IMPORTED, VIEW, Unavailable
from simsim.gate.lookup_postgresql import CANCEL_TIMEOUT_SECONDS, connection_parameters

# A gate that is further behind forgets everything: reading what changed would take longer.
MAX_FOLLOWED_COMMITS = 64

# One statement, so one snapshot: a verdict on its rows holds for its version. As in `lookup_postgresql`, each answer
# says whether its server accepts writes.
# `id = 1` tells the planner that there is one row. It would expect thousands in a table that was never analyzed, and
# compile the statement for a second.
# The server is identified in each answer, because behind a pooler another one may answer while the connection stays
# open: by its start, the database, and the view, which a restore and a migration create anew.
_LOOK = f"""
    SELECT current_setting('transaction_read_only') = 'on',
        concat_ws(' ', pg_postmaster_start_time(), own.oid, '{VIEW}'::regclass::oid),
        now.version,
        CASE WHEN now.version - $1 BETWEEN 1 AND {MAX_FOLLOWED_COMMITS} THEN (
            SELECT count(*) FROM tokens_gatecommit AS past WHERE past.version > $1 AND past.version <= now.version
        ) ELSE 0 END,
        CASE WHEN now.version - $1 BETWEEN 1 AND {MAX_FOLLOWED_COMMITS} THEN ARRAY(
            SELECT changed.digest FROM tokens_gatecommit AS past JOIN tokens_gatechange AS changed
            ON changed.commit_id = past.id WHERE past.version > $1 AND past.version <= now.version
        ) END,
        {HOLDS_IMPORTED},
        {COLUMNS}
    FROM tokens_gateversion AS now JOIN pg_database AS own ON own.datname = current_database()
    LEFT JOIN {VIEW} ON digest = ANY ($2) WHERE now.id = 1
"""  # noqa: S608
_TYPES = {"int8": 20, "bytea[]": 1001}
_BYTEA = 17
_NAME = b"simsim_look"
# A version that is higher than any, so that there is nothing to follow.
_NO_VERSION = 2**63 - 1
_EMPTY_ARRAY = struct.pack(">iii", 0, 0, _BYTEA)


class LookConnection:
    """One connection to the primary, which carries one look at a time.

    Calls `received` with the rows of each answer, or `broke` if there will be none. Changes no session settings, so
    that it works behind a pooler.
    """

    def __init__(
        self,
        connection: psycopg.AsyncConnection[Any],
        received: Callable[[Sequence[Sequence[Any]]], None],
        broke: Callable[[Exception], None],
        *,
        is_pooled: bool,
    ) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._received, self._broke = received, broke
        self._is_pooled = is_pooled
        self._loop = asyncio.get_running_loop()
        self._socket = self._libpq.socket
        self._rows = Transformer.from_context(connection)
        self._answer: Any = None
        self._is_sending = False
        self.is_fresh = True
        self._loop.add_reader(self._socket, self._ready)

    @classmethod
    async def open(
        cls, url: str, received: Callable[[Sequence[Sequence[Any]]], None], broke: Callable[[Exception], None]
    ) -> "LookConnection":
        """Connect to the server that accepts writes. Raises psycopg.Error or Unavailable."""
        connection = await psycopg.AsyncConnection.connect(
            url, autocommit=True, prepare_threshold=None, **connection_parameters(url)
        )
        try:
            cursor = await connection.execute("SELECT pg_backend_pid()")
            ((pid,),) = await cursor.fetchall()
            # Prepare nothing behind a pooler: the next look may get a session that lacks the statement.
            is_pooled = pid != connection.info.backend_pid
            if not is_pooled:
                # Planning anew for each look would take four times as long as the look. The session is ours alone.
                # Compiling it would take a second.
                await connection.execute("SET plan_cache_mode = force_generic_plan")
                await connection.execute("SET jit = off")
                types = ", ".join(_TYPES)
                await connection.execute(f"PREPARE {_NAME.decode()} ({types}) AS {_LOOK}".encode())
        except BaseException:
            await connection.close()
            raise
        return cls(connection, received, broke, is_pooled=is_pooled)

    def send(self, known: int | None, digests: Sequence[bytes]) -> None:
        """Send a look. Raises psycopg.Error."""
        parameters = [struct.pack(">q", _NO_VERSION if known is None else known), _array(digests)]
        formats = [Format.BINARY, Format.BINARY]
        if self._is_pooled:
            types = list(_TYPES.values())
            self._libpq.send_query_params(_LOOK.encode(), parameters, types, formats, Format.BINARY)
        else:
            self._libpq.send_query_prepared(_NAME, parameters, formats, Format.BINARY)
        self._flush()

    def close(self) -> None:
        self._leave()
        self.finish()

    def finish(self) -> None:
        """Close the connection on a loop that is closed itself."""
        self._libpq.finish()

    def abandon(self) -> None:
        """Close the connection, after the server was asked to cancel what it runs.

        While a server waits for a lock, it doesn't notice that its client has gone.
        """
        self._leave()
        task = self._loop.create_task(_cancel(self._connection))
        _cancelling.add(task)
        task.add_done_callback(_cancelling.discard)

    def _leave(self) -> None:
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)

    def _flush(self) -> None:
        if not self._libpq.flush():
            if self._is_sending:
                self._loop.remove_writer(self._socket)
                self._is_sending = False
        elif not self._is_sending:
            self._loop.add_writer(self._socket, self._ready)
            self._is_sending = True

    def _ready(self) -> None:
        """Go on sending and receiving, whichever of them the socket is ready for."""
        try:
            if self._is_sending:
                self._flush()
            rows = self._received_rows()
        except (psycopg.Error, Unavailable) as error:
            self._broke(error)
            return
        if rows is not None:
            self.is_fresh = False
            self._received(rows)

    def _received_rows(self) -> Sequence[Sequence[Any]] | None:
        """Return the rows of the answer once it is complete."""
        self._libpq.consume_input()
        while not self._libpq.is_busy():
            result = self._libpq.get_result()
            if result is None:
                answer, self._answer = self._answer, None
                return None if answer is None else self._parsed(answer)
            self._answer = result
        return None

    def _parsed(self, answer: Any) -> Sequence[Sequence[Any]]:
        if answer.status != ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(answer)
        self._rows.set_pgresult(answer)
        rows: list[Sequence[Any]] = self._rows.load_rows(0, answer.ntuples, tuple)
        return rows


_cancelling: set[asyncio.Task[None]] = set()  # a loop keeps only weak references to its tasks


async def _cancel(connection: psycopg.AsyncConnection[Any]) -> None:
    with contextlib.suppress(psycopg.Error, OSError):
        await connection.cancel_safe(timeout=CANCEL_TIMEOUT_SECONDS)
    await connection.close()


def _array(digests: Sequence[bytes]) -> bytes:
    """Return the binary form of a bytea[]."""
    if not digests:
        return _EMPTY_ARRAY
    head = struct.pack(">iiiii", 1, 0, _BYTEA, len(digests), 1)
    return head + b"".join(struct.pack(">i", len(digest)) + digest for digest in digests)
