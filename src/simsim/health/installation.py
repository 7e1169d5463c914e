"""The whole installation: its databases, workers, tokens, mail and forwarding. Counts no row of the log."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.db.models import Count, Max, Q

from simsim.accounts.models import Account
from simsim.forwarding.status import ForwardingStatus, forwarding_status
from simsim.mail import delivery_status, outbox
from simsim.request_log.models import ClockJump, WorkerNode
from simsim.tokens.models import Token

EXPIRING_DAYS = (1, 7, 30)
# How long a clock that was set, and a database that was put back, are reported: as `simsim doctor` does.
JUMP_REPORTED = timedelta(days=1)
RESTORE_REPORTED = timedelta(days=30)


@dataclass(frozen=True)
class MailQueue:
    """The emails that wait, the time of the oldest, and how many were given up lately (`delivery_status.RECENT`)."""

    waiting: int
    oldest: datetime | None
    given_up: int
    last_error: str


@dataclass(frozen=True)
class TokenCounts:
    """The active tokens, and how many of them expire within each of EXPIRING_DAYS; the open accounts."""

    active: int
    expiring: dict[int, int]
    accounts: int


@dataclass(frozen=True)
class WorkerHealth:
    """A node's worker at its last round. `is_stopped`: somebody stopped it, and no line waits there."""

    row: WorkerNode
    silence: timedelta
    unshipped: timedelta | None

    @property
    def is_stopped(self) -> bool:
        return self.row.stopped_at is not None and self.row.unshipped_since is None


def mail_queue(now: datetime) -> MailQueue:
    found = delivery_status.trouble(now=now)
    return MailQueue(
        outbox.waiting().count(), delivery_status.oldest_owed_at(), given_up=found.given_up, last_error=found.last_error
    )


def forwarding_queue(now: datetime) -> ForwardingStatus | None:
    """Return the status of forwarding, or None if it is not configured."""
    return forwarding_status(now=now) if settings.FORWARD_TARGET else None


def token_counts(now: datetime) -> TokenCounts:
    within = {
        f"within_{days}": Count("pk", filter=Q(expires_at__lte=now + timedelta(days=days))) for days in EXPIRING_DAYS
    }
    # Name the columns of one index only, so that the query reads the index and not the rows.
    found = Token.objects.filter(revoked_at=None, expires_at__gt=now).aggregate(active=Count("pk"), **within)
    accounts = Account.objects.filter(closed_at=None).count()
    return TokenCounts(found["active"], {days: found[f"within_{days}"] for days in EXPIRING_DAYS}, accounts)


def workers(now: datetime) -> list[WorkerHealth]:
    """Return the workers of all nodes, by host."""
    return [
        WorkerHealth(
            row,
            silence=max(now - row.round_at, timedelta()),
            unshipped=max(now - row.unshipped_since, timedelta()) if row.unshipped_since else None,
        )
        for row in WorkerNode.objects.order_by("host", "node")
    ]


def clock_jumps(now: datetime) -> int:
    """Return how often a node's clock was set within the last day."""
    return ClockJump.objects.filter(noticed_at__gt=now - JUMP_REPORTED).count()


def is_restored(now: datetime) -> bool:
    """Whether a worker noticed lately that an older copy of the database was put back."""
    last = WorkerNode.objects.aggregate(last=Max("lost_changes_at"))["last"]
    return last is not None and last > now - RESTORE_REPORTED


def database_bytes(alias: str) -> int:
    """Return the size of a database: on SQLite of its file and of its side files."""
    connection = connections[alias]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    return sum(_sqlite_sizes(alias))


def sqlite_file(alias: str) -> Path:
    """Return the file of a database on SQLite."""
    operator = settings.OPERATOR
    path: Path = operator.database_path if alias == "default" else operator.log_database_path
    return path


def _sqlite_sizes(alias: str) -> Iterator[int]:
    path = sqlite_file(alias)
    with connections[alias].cursor() as cursor:  # raises when the database can't be read
        cursor.execute("SELECT 1 FROM sqlite_schema LIMIT 1")
    for side in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            yield Path(f"{path}{side}").stat().st_size
