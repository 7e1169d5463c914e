"""The worker's health reports: a file for the gate of its node, and a database row for `simsim doctor` on any node.

It also watches the clock. It compares the wall clock, which people and NTP set, with the time since boot, which nobody
sets. If the two have advanced by different amounts, the wall clock was set.
"""

import contextlib
import json
import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from django.db import DatabaseError

from simsim.audit.models import AuditEvent
from simsim.gate.worker_health import FILE_NAME
from simsim.mail.delivery_status import oldest_owed_at
from simsim.request_log.models import ClockJump, WorkerNode
from simsim.request_log.ship import save
from simsim.request_log.ship.backlog import backlog, shipped_bytes, spool_name

log = logging.getLogger(__name__)
FILE_SECONDS = 5.0
# Whoever follows the log sees a request once the row says that earlier ones are stored, too.
ROW_SECONDS = 5.0
# NTP corrects smaller differences gradually.
MIN_JUMP_SECONDS = 2.0
# How long a job may run or fail before it is reported: a restart of the database should not be reported.
MAX_JOB_SECONDS = 300.0
FAILING_SECONDS = 10.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the first also advances while the machine sleeps


def utc_now() -> datetime:
    return datetime.now(UTC)


def boot_seconds() -> float:
    """Return the seconds since the machine booted, by a clock that nobody sets."""
    return time.clock_gettime(_BOOT_CLOCK)


def boot_id() -> str:
    """Return the id of this boot of the machine, "" where it is unknown."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


@dataclass
class Progress:
    """A job's progress: when its run began (see `boot_seconds`), since when it has failed, and its last error."""

    began: float | None = None
    failing_since: datetime | None = None
    error: str = ""


class HealthReporter:
    """Reports the health of one worker's jobs. `wall` and `boot` are its clocks."""

    def __init__(
        self,
        spool: Path,
        jobs: Callable[[], Sequence[tuple[str, Progress]]],
        wall: Callable[[], datetime] = utc_now,
        boot: Callable[[], float] = boot_seconds,
    ) -> None:
        self._spool = spool
        self._jobs = jobs
        self._wall = wall
        self._boot = boot
        self._boot_id = boot_id()
        self._version = version("simsim")
        self._started_at = wall()
        self._last: tuple[datetime, float] | None = None
        self._jumps: list[tuple[datetime, float]] = []
        self._queues: dict[str, object] = {}
        self._next_file = 0.0
        self._next_row = 0.0

    def report(self) -> int:
        """Check the clock, and write the file and the row when they are due."""
        now, boot = self._wall(), self._boot()
        if self._last is not None:
            self._compare(now - self._last[0], boot - self._last[1], now)
        self._last = now, boot
        if boot >= self._next_file and self._spool.is_dir():
            self._read_queues()
            self._write_file(now)
            self._next_file = boot + FILE_SECONDS
        node = spool_name(self._spool) if boot >= self._next_row or self._jumps else None
        if node is not None:
            self._store(node, now, boot)
            self._next_row = boot + ROW_SECONDS
        return 0

    def note_stop(self) -> None:
        """Note that the worker was asked to stop."""
        if node := spool_name(self._spool):
            WorkerNode.objects.filter(pk=node).update(stopped_at=self._wall())

    def failing(self, now: datetime) -> list[dict[str, str]]:
        """Return the jobs that have failed or run for too long: `{job, since, error}`."""
        found = []
        for name, progress in self._jobs():
            began, since = progress.began, progress.failing_since
            if since is not None and now - since >= timedelta(seconds=FAILING_SECONDS):
                found.append({"job": name, "since": since.isoformat(), "error": progress.error})
            elif began is not None and self._boot() - began > MAX_JOB_SECONDS:
                since = now - timedelta(seconds=self._boot() - began)
                found.append({"job": name, "since": since.isoformat(), "error": "it does not finish"})
        return found

    def _compare(self, by_wall: timedelta, by_boot: float, now: datetime) -> None:
        seconds = by_wall.total_seconds() - by_boot
        if abs(seconds) < MIN_JUMP_SECONDS:
            return
        self._jumps.append((now, seconds))
        log.error("the clock was set %s by %.1f s", "forward" if seconds > 0 else "back", abs(seconds))

    def _read_queues(self) -> None:
        """Read how long lines and emails have waited.

        While a database does not answer, keep the earlier values: their age keeps growing.
        """
        with contextlib.suppress(DatabaseError):
            self._queues["shipped"] = shipped_bytes(self._spool, save.positions())
            self._queues["other_nodes"] = other_nodes(spool_name(self._spool))
        with contextlib.suppress(DatabaseError):
            self._queues["oldest_mail_at"] = seconds_of(oldest_owed_at())

    def _write_file(self, now: datetime) -> None:
        names = [each["job"] for each in self.failing(now)]
        path = self._spool / FILE_NAME
        written = path.with_name(f"{FILE_NAME}.new")
        # On a full disk the file is no longer updated, and its age shows that something is wrong.
        with contextlib.suppress(OSError):
            written.write_text(json.dumps({"failing": names, **self._queues}), encoding="utf-8")
            written.rename(path)

    def _store(self, node: str, now: datetime, boot: float) -> None:
        row = WorkerNode.objects.filter(pk=node).first()
        if row is None:
            row = WorkerNode(node=node)
        elif row.started_at != self._started_at:
            self._compare_with_earlier(row, now, boot)
        waits = backlog(self._spool, save.positions())
        row.host, row.started_at, row.round_at, row.stopped_at = socket.gethostname(), self._started_at, now, None
        row.boot_id, row.boot_seconds, row.version = self._boot_id, boot, self._version
        row.unshipped_since = waits.since if waits else None
        row.failing = self.failing(now)
        # The jobs that need the database already report that it does not answer.
        with contextlib.suppress(DatabaseError):
            note_newest_change(row, now)
        row.save()
        while self._jumps:
            noticed_at, seconds = self._jumps[0]
            ClockJump.objects.create(node=node, host=row.host, noticed_at=noticed_at, seconds=seconds)
            del self._jumps[0]

    def _compare_with_earlier(self, row: WorkerNode, now: datetime, boot: float) -> None:
        """Compare the clocks with the last round of an earlier worker, or of another one that still runs."""
        if row.boot_id and row.boot_id == self._boot_id:
            self._compare(now - row.round_at, boot - row.boot_seconds, now)
        elif now < row.round_at:
            self._compare(now - row.round_at, 0.0, now)


def other_nodes(here: str | None) -> list[dict[str, object]]:
    """Return the last round and oldest unshipped line of every other node, except nodes that were stopped properly."""
    rows = WorkerNode.objects.exclude(pk=here or "").exclude(stopped_at__isnull=False, unshipped_since=None)
    return [
        {
            "host": row.host,
            "round_at": seconds_of(row.round_at),
            "unshipped_since": seconds_of(row.unshipped_since),
        }
        for row in rows.order_by("host", "node")
    ]


def seconds_of(moment: datetime | None) -> float | None:
    """Return the moment in seconds since 1970, as the gate does."""
    return moment.timestamp() if moment else None


def note_newest_change(row: WorkerNode, now: datetime) -> None:
    """Note the newest audit event. If the one noted before is gone, an older database was restored."""
    newest = AuditEvent.objects.order_by("-pk").first()
    if is_change_lost(row):
        row.lost_changes_at, row.lost_changes_until = now, row.change_at
        row.went_back_to = newest.at if newest else None
        log.error("an older copy of the database was restored: see simsim doctor")
    row.change_id, row.change_at = (newest.pk, newest.at) if newest else (None, None)


def is_change_lost(row: WorkerNode) -> bool:
    """Whether the audit event that this node's worker saw last is no longer in the database."""
    if row.change_id is None or row.change_at is None:
        return False
    return not AuditEvent.objects.filter(pk=row.change_id, at=row.change_at).exists()
