"""Looks at PostgreSQL that requests share: one at a time, over one connection, on the server's event loop."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import psycopg

from simsim.credential.decision import Record
from simsim.gate import process_identity
from simsim.gate.look_connection import LookConnection
from simsim.gate.lookup import Unavailable
from simsim.gate.lookup_postgresql import (
    CONNECT_TIMEOUT_SECONDS,
    PAUSE_SECONDS,
    STATEMENT_TIMEOUT_SECONDS,
    record_of,
)
from simsim.gate.waiting_room import Full, Seen, Snapshot, Version, WaitingRoom

# With several hosts in the URL, libpq's limit holds for each of them.
MAX_CONNECT_SECONDS = 2.0 * CONNECT_TIMEOUT_SECONDS


class SharedLook:
    """Looks for all requests of one process, one at a time. Opens the connection when the first request comes."""

    def __init__(self, url: str, forget: Callable[[Collection[bytes] | None], None] = lambda _: None) -> None:
        self._url = url
        self._room: WaitingRoom[asyncio.Future[Seen]] = WaitingRoom(forget)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: LookConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._generation = 0
        self._sent_at = 0.0
        self._paused_until = 0.0
        self.holds_imported = False

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
        try:
            snapshot = _snapshot(rows)
        except Exception as error:  # whatever it is, nobody may wait for ever
            self._broke(error)
            return
        self._stop_timer()
        self.holds_imported = rows[0][5]
        waiters, seen = self._room.end(snapshot)
        self._send()
        for waiter in waiters:
            if not waiter.done():  # its client may have gone
                waiter.set_result(seen)

    def _broke(self, error: Exception) -> None:
        """Give up the connection. Whoever waits gets a new one, or Unavailable if that is not likely to help."""
        assert self._loop is not None  # noqa: S101
        is_fresh = self._connection is None or self._connection.is_fresh
        is_asking = self._timer is not None
        self._drop()
        if not is_asking:
            self._room.lose()
            return
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
                self._connection = await LookConnection.open(self._url, self._received, self._broke)
        except (psycopg.Error, OSError, Unavailable) as error:  # OSError: also a timeout
            self._connecting = None
            self._pause(error)
            return
        self._connecting = None
        self._send()


def _snapshot(rows: Sequence[Sequence[Any]]) -> Snapshot:
    """Return what the rows of one look say. Raises Unavailable if they are not the primary's."""
    if not rows:
        raise Unavailable("PostgreSQL: the version of the tokens is missing")
    is_read_only, server, version, commits, changed = rows[0][:5]
    if is_read_only:
        raise _not_the_primary()
    records: dict[bytes, Record | None] = {}
    for row in rows:
        record = record_of(row[6:])
        if record is not None:
            records[record.digest] = None if record.digest in records else record
    return Snapshot(server, version, commits, (None,) if changed is None else changed, records)


def _not_the_primary() -> Unavailable:
    return Unavailable("PostgreSQL: the server does not accept writes; it may be a standby")
