"""Looks at PostgreSQL that requests share: one connection on the server's event loop, one statement for each look.

The wait for PostgreSQL never blocks the loop. After psycopg has connected, libpq is used directly: for one round trip,
psycopg's own cursor takes longer than PostgreSQL does.
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format

from simsim.credential.decision import Record
from simsim.gate import process_identity
from simsim.gate.lookup import COLUMNS, VIEW, Unavailable
from simsim.gate.lookup_postgresql import (
    CANCEL_TIMEOUT_SECONDS,
    CONNECT_TIMEOUT_SECONDS,
    PAUSE_SECONDS,
    STATEMENT_TIMEOUT_SECONDS,
    connection_parameters,
    record_of,
)
from simsim.gate.waiting_room import Full, Seen, Snapshot, Version, WaitingRoom

# With several hosts in the URL, libpq's limit holds for each of them.
MAX_CONNECT_SECONDS = 2.0 * CONNECT_TIMEOUT_SECONDS
# A gate that is further behind forgets everything: reading what changed would take longer.
MAX_FOLLOWED_COMMITS = 64

# One statement, so one snapshot: a verdict on its rows holds for its version. As in `lookup_postgresql`, each answer
# says whether its server accepts writes.
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
        {COLUMNS}
    FROM tokens_gateversion AS now JOIN pg_database AS own ON own.datname = current_database()
    LEFT JOIN {VIEW} ON digest = ANY ($2)
"""  # noqa: S608
_TYPES = {"int8": 20, "bytea[]": 1001}
_BYTEA = 17
_NAME = b"simsim_look"
# A version that is higher than any, so that there is nothing to follow.
_NO_VERSION = 2**63 - 1
_EMPTY_ARRAY = struct.pack(">iii", 0, 0, _BYTEA)


class SharedLook:
    """Looks for all requests of one process, one at a time. Opens the connection when the first request comes."""

    def __init__(self, url: str, forget: Callable[[Collection[bytes] | None], None] = lambda _: None) -> None:
        self._url = url
        self._room: WaitingRoom[asyncio.Future[Seen]] = WaitingRoom(forget)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._generation = 0
        self._sent_at = 0.0
        self._paused_until = 0.0

    @property
    def version(self) -> Version | None:
        """The version of what is remembered. Verdicts on rows of an earlier look must not be remembered."""
        return self._room.version

    def join(self, digest: bytes | None) -> "asyncio.Future[Seen]":
        """Wait for the next look, which also reads the row under the digest unless that is None.

        Raises Unavailable, at once or when awaited.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._enter(loop)
        if loop.time() < self._paused_until:
            raise Unavailable("PostgreSQL: no connection, trying again in a moment")
        waiter: asyncio.Future[Seen] = loop.create_future()
        # Note the arrival, then send: this order is the whole proof that no answer is stale.
        try:
            self._room.arrive(waiter, digest)
        except Full:
            raise Unavailable("PostgreSQL: too many requests wait for it") from None
        self._send()
        return waiter

    def close(self) -> None:
        """Close the connection; whoever waits gets Unavailable. The next request opens another."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        self._drop()
        self._refuse(self._room.fail(), Unavailable("PostgreSQL: the gate is closing"))

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin anew on this loop: the former one is closed, and its connection can't be used on another."""
        # As in `lookup_postgresql`: a forked child must not close an inherited connection.
        if self._connection is not None and self._generation == process_identity.generation():
            self._connection.finish()
        self._generation = process_identity.generation()
        self._loop, self._connection, self._connecting, self._timer = loop, None, None, None
        self._paused_until = 0.0
        self._room.fail()

    def _send(self) -> None:
        """Send the next look if there is one to send and nothing is under way."""
        if not self._room.is_ready_to_send() or self._loop is None:
            return
        if self._connection is None:
            if self._connecting is None:
                self._connecting = self._loop.create_task(self._connect())
            return
        look = self._room.send()
        self._sent_at = self._loop.time()
        self._timer = self._loop.call_later(STATEMENT_TIMEOUT_SECONDS, self._expire)
        try:
            self._connection.send(look.known, look.digests)
        except psycopg.Error as error:
            self._broke(error)

    def _received(self, rows: Sequence[Sequence[Any]]) -> None:
        """Take the answer to the look under way, send the next one, and wake up those who waited."""
        self._stop_timer()
        try:
            waiters, seen = self._room.end(_snapshot(rows))
        except Exception as error:  # whatever it is, nobody may wait for ever
            self._broke(error)
            return
        self._send()
        for waiter in waiters:
            if not waiter.done():  # its client may have gone
                waiter.set_result(seen)

    def _broke(self, error: Exception) -> None:
        """Give up the connection. Whoever waits gets a new one, or Unavailable if that is not likely to help."""
        assert self._loop is not None  # noqa: S101
        is_fresh = self._connection is None or self._connection.is_fresh
        self._stop_timer()
        self._drop()
        # As in `lookup_postgresql`: if an existing connection breaks at once, a new one may work.
        waited = self._loop.time() - self._sent_at
        if isinstance(error, psycopg.Error) and not is_fresh and waited < STATEMENT_TIMEOUT_SECONDS / 2:
            self._room.retry()
            self._send()
        else:
            self._pause(error)

    def _expire(self) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None  # noqa: S101 - the timer runs only while a look is under way
        connection.abandon()
        self._pause(TimeoutError())

    def _pause(self, error: Exception) -> None:
        """Refuse everybody who waits, and whoever comes within the next moment."""
        assert self._loop is not None  # noqa: S101
        self._paused_until = self._loop.time() + PAUSE_SECONDS
        why = error if isinstance(error, Unavailable) else Unavailable(f"PostgreSQL: {type(error).__name__}")
        self._refuse(self._room.fail(), why)

    def _refuse(self, waiters: Iterable["asyncio.Future[Seen]"], why: Unavailable) -> None:
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(why)

    def _drop(self) -> None:
        self._stop_timer()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _connect(self) -> None:
        """Open the connection, once for all who wait, and send their look."""
        try:
            async with asyncio.timeout(MAX_CONNECT_SECONDS):
                self._connection = await _Connection.open(self._url, self._received, self._broke)
        except (psycopg.Error, OSError, Unavailable) as error:  # OSError: also a timeout
            self._connecting = None
            self._pause(error)
            return
        self._connecting = None
        self._send()


class _Connection:
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
    ) -> "_Connection":
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
                await connection.execute("SET plan_cache_mode = force_generic_plan")
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


def _snapshot(rows: Sequence[Sequence[Any]]) -> Snapshot:
    """Return what the rows of one look say. Raises Unavailable if they are not the primary's."""
    if not rows:
        raise Unavailable("PostgreSQL: the version of the tokens is missing")
    is_read_only, server, version, commits, changed = rows[0][:5]
    if is_read_only:
        raise _not_the_primary()
    records: dict[bytes, Record | None] = {}
    for row in rows:
        record = record_of(row[5:])
        if record is not None:
            records[record.digest] = None if record.digest in records else record
    return Snapshot(server, version, commits, (None,) if changed is None else changed, records)


def _not_the_primary() -> Unavailable:
    return Unavailable("PostgreSQL: the server does not accept writes; it may be a standby")


def _array(digests: Sequence[bytes]) -> bytes:
    """Return the binary form of a bytea[]."""
    if not digests:
        return _EMPTY_ARRAY
    head = struct.pack(">iiiii", 1, 0, _BYTEA, len(digests), 1)
    return head + b"".join(struct.pack(">i", len(digest)) + digest for digest in digests)
