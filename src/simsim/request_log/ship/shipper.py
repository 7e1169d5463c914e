"""Moves a spool's lines into the log, each exactly once, even if the worker dies at any moment."""

import fcntl
import gc
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from simsim.request_log.ship import owed_rows, save, spool_files
from simsim.request_log.ship.batch import Reading
from simsim.request_log.ship.join import Changes, join
from simsim.request_log.ship.proxy_files import IDENTITY_PREFIX, Follower
from simsim.request_log.ship.proxy_formats import AccessLog

LOCK_NAME = ".shipping"
SPOOL_ID_LENGTH = 32
TIDY_INTERVAL = timedelta(minutes=1)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Shipper:
    """Ships the lines that processes on this machine write to a spool, and those of other proxies' access logs.

    Several may run, but only one of them ships at a time.
    """

    def __init__(
        self, spool_dir: Path, clock: Callable[[], datetime] = utc_now, access_logs: Sequence[AccessLog] = ()
    ) -> None:
        self._directory = spool_dir
        self._clock = clock
        self._followers = [Follower(log) for log in access_logs]
        self._tidied_at = datetime.min.replace(tzinfo=UTC)

    def ship_once(self) -> int:
        """Ship a bounded number of lines; return how many rows were written or completed, at least 1 if lines are left.

        0 means that there is nothing to do, or that another worker is doing it. If a call fails, it stores nothing, and
        the next call ships the same lines; if only ClickHouse fails, the next call delivers what this one stored.
        """
        if not self._directory.is_dir():
            return 0
        with _shipping_lock(self._directory) as spool, _uncollected():
            if not spool:
                return 0
            # While ClickHouse is away, lines wait in the spool, and only one batch waits in the database.
            owed_rows.deliver(spool)
            shipped = self._ship(spool)
            owed_rows.deliver(spool)
            return shipped

    def _ship(self, spool: str) -> int:
        reading = Reading(save.positions())
        now = self._clock()
        # Read the ends first: a decision is written before its answer, so the decisions for these ends are in the
        # gate's files by now, and are found below if those files are read to their end.
        reading.read_gateway(self._directory)
        reading.read_nodes(self._directory)
        reading.read_access_logs(self._followers, now)
        reading.read_gate(self._directory)
        # Look up stored halves only for lines whose other half is not in this batch.
        unmatched = {line.request_id for line in reading.decided} ^ {line.request_id for line in reading.completed}
        waiting = save.waiting(unmatched)
        if reading.is_gate_at_end:
            waiting |= save.ends_without_decision(spool)
        reading.missed = save.unknown_gaps(reading.missed)
        changes = join(
            reading.decided, reading.completed, waiting, is_gate_read_to_its_end=reading.is_gate_at_end, now=now
        )
        if reading.moves or changes or changes.settled:
            try:
                _save(changes, reading, spool=spool, now=now)
            except save.Overtaken:
                return 0
        _delete_shipped(reading)
        self._tidy(reading, now)
        # A megabyte of another proxy's log may contain no line for us, and then the next megabyte must not wait for the
        # next round.
        return len(changes) or int(bool(reading.moves) and not reading.is_gateway_at_end)

    def _tidy(self, reading: Reading, now: datetime) -> None:
        # Skip this in a backlog: lines that have not been read yet may complete open requests.
        if reading.is_gate_at_end and reading.is_gateway_at_end and now - self._tidied_at >= TIDY_INTERVAL:
            is_more_to_close = save.close_abandoned(now)
            self._tidied_at = self._tidied_at if is_more_to_close else now
            self._forget_gone(reading, now)

    def _forget_gone(self, reading: Reading, now: datetime) -> None:
        """Delete the positions of access logs that rotation has deleted.

        Otherwise, their number would grow without end.
        """
        followed = {identity for identity in reading.positions if identity.startswith(IDENTITY_PREFIX)}
        if not self._followers or not followed:
            return
        for identity in set.intersection(*(follower.gone(followed, now) for follower in self._followers)):
            save.forget_position(identity)


def _save(changes: Changes, reading: Reading, *, spool: str, now: datetime) -> None:
    with transaction.atomic(using=settings.REQUEST_LOG_ALIAS):
        save.save(changes, reading, spool=spool, now=now)
        save.save_gaps(reading.missed, now=now)


def _delete_shipped(reading: Reading) -> None:
    """Delete the files that are shipped completely, then their positions.

    A file without a position would be read again.
    """
    for file in reading.shipped:
        spool_files.delete(file)
        if reading.is_only_copy(file):
            save.forget_position(file.identity)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Suspend garbage collection: a round creates a hundred thousand values and no reference cycles.

    The collector would scan them and everything else repeatedly, which takes a third of the round's time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _shipping_lock(directory: Path) -> Iterator[str | None]:
    """Hold the spool's lock and yield the spool's name, or None if another worker holds the lock."""
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _spool_name(descriptor)
    finally:
        os.close(descriptor)


def _spool_name(descriptor: int) -> str | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    name = os.pread(descriptor, SPOOL_ID_LENGTH, 0).decode("ascii", "replace")
    if len(name) == SPOOL_ID_LENGTH:
        return name
    # Only the holder of the lock writes here. If a crash left only part of a name, no line has been shipped under that
    # name.
    name = secrets.token_hex(SPOOL_ID_LENGTH // 2)
    os.pwrite(descriptor, name.encode(), 0)
    return name
