"""The worker: each job in a thread and with a connection of its own, so that a slow one delays no other."""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from simsim.forwarding import forwarder, lost_events
from simsim.gate import ballast
from simsim.gate.wal_index import Identity, identity_of
from simsim.mail import outbox
from simsim.operations.existing_installation import prove_files_safe
from simsim.operations.rounds import Progress, Rounds, boot_seconds
from simsim.operations.wall_clock import WallClock
from simsim.request_log import gaps, nodes
from simsim.request_log.retention import forget_old, time_to_delete_by
from simsim.request_log.ship.shipper import Shipper
from simsim.tokens import expiry_notices

log = logging.getLogger(__name__)
MAX_WAIT_SECONDS = 30.0
# Less than the supervisor's patience: what a job has not finished by then it does again after the next start.
FAREWELL_SECONDS = 6.0
# Deliveries at once: a mail server that hangs holds up one of them. Each has a connection of the database's pool.
DELIVERIES = 3
# One for all jobs: what waits, ends or is deleted by the time must not follow a clock that jumps.
clock = WallClock()
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


@dataclass(frozen=True)
class Job:
    """`run` does what is due and returns how much that was; then the job pauses, `busy_seconds` when there was some.

    `progress` tells how it fares; its own thread writes it.
    """

    name: str
    run: Callable[[], int]
    idle_seconds: float
    busy_seconds: float
    progress: Progress = field(default_factory=Progress)


def jobs(rounds: Rounds) -> list[Job]:
    shipper = Shipper(settings.OPERATOR.spool_dir, clock.now, access_logs=settings.OPERATOR.followed_logs())
    return [
        Job("log shipping", shipper.ship_once, idle_seconds=0.2, busy_seconds=0.05),
        *(Job(f"mail {nth}", deliver, idle_seconds=1.0, busy_seconds=0.0) for nth in range(1, DELIVERIES + 1)),
        # R9 allows two minutes; a new token is looked at here too, to find when its notices are due.
        Job("expiry notices", owe_expiry_notices, idle_seconds=15.0, busy_seconds=0.0),
        # Soon after there is room again, and not at once: who makes it is at work still.
        Job("ballast", keep_ballast, idle_seconds=60.0, busy_seconds=60.0),
        Job("retention", forget, idle_seconds=3600.0, busy_seconds=0.1),
        Job("health", rounds.round, idle_seconds=1.0, busy_seconds=1.0),
        *([Job("forwarding", forward, idle_seconds=0.5, busy_seconds=0.0)] if settings.FORWARD_TARGET else []),
    ]


def deliver() -> int:
    """Hand over the mails that are due now; return how many were taken."""
    return outbox.deliver_due(now=clock.now())


def owe_expiry_notices() -> int:
    """Owe the notices about tokens that near their end or have reached it; return how many tokens were looked at."""
    return expiry_notices.owe_due(now=clock.now())


def keep_ballast() -> int:
    """Keep room that the gate can give away when the disk is full; return whether there is some."""
    directory = settings.OPERATOR.spool_dir
    return int(directory.is_dir() and ballast.keep(directory))


def forget() -> int:
    """Delete some of what is older than the log, and of nodes that have long been silent; return how much."""
    now, days = time_to_delete_by(clock.now()), settings.OPERATOR.log_retention_days
    if now is None:
        return 0
    forgotten = forget_old(now, days=days) + gaps.forget_old(now - timedelta(days=days))
    return forgotten + lost_events.delete_outdated(now, days=days) + nodes.forget_old(now)


def forward() -> int:
    """Forward some of what is due; return how much. What the receiver does not take is told, and waits."""
    target = settings.FORWARD_TARGET
    return forwarder.forward_due(target, now=clock.now()) if target else 0


def work() -> None:
    """Do the jobs until SIGTERM, SIGINT or SIGHUP. Raises Unusable where SQLite could corrupt what it writes."""
    prove_files_safe(settings.OPERATOR)
    # Blocked before the threads begin, which inherit it: the signal then waits for sigwait and strikes nowhere else.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    stop = threading.Event()
    todo: list[Job] = []
    rounds = Rounds(settings.OPERATOR.spool_dir, lambda: [(job.name, job.progress) for job in todo])
    todo += jobs(rounds)
    threads = [threading.Thread(target=repeat, args=(job, stop), name=job.name, daemon=True) for job in todo]
    for thread in threads:
        thread.start()
    signal.sigwait(STOP_SIGNALS)
    stop.set()
    last = time.monotonic() + FAREWELL_SECONDS
    for thread in threads:
        thread.join(max(0.0, last - time.monotonic()))
    with contextlib.suppress(DatabaseError):
        rounds.farewell()


def database_identities() -> list[Identity | None]:
    """Return which files the SQLite databases are now, None for one that is away; none on PostgreSQL."""
    found: list[Identity | None] = []
    for path in settings.OPERATOR.database_files:
        try:
            found.append(identity_of(path))
        except OSError:
            found.append(None)
    return found


def repeat(job: Job, stop: threading.Event) -> None:
    """Run a job again and again until `stop`. An error is told in one line, and the job tried again, ever later."""
    failures, files = 0, database_identities()
    while not stop.is_set():
        job.progress.began = boot_seconds()
        try:
            if (found := database_identities()) != files:
                # A restored database: what is open is the file that it replaced, which nobody else will ever read.
                connections.close_all()
                files = found
            pause = job.busy_seconds if job.run() else job.idle_seconds
            failures, job.progress.failing_since = 0, None
        except Exception as error:  # a database that is away must end neither this job nor the others
            failures += 1
            pause = min(0.5 * 2 ** min(failures - 1, 10), MAX_WAIT_SECONDS)
            first_line = (str(error).splitlines() or [""])[0]
            job.progress.error = f"{type(error).__name__}: {first_line}"
            job.progress.failing_since = job.progress.failing_since or timezone.now()
            log.error("%s failed (%s: %s); again in %g s", job.name, type(error).__name__, first_line, pause)  # noqa: TRY400
            # A connection that broke stays broken: the next attempt must open a new one.
            connections.close_all()
        job.progress.began = None
        stop.wait(pause)
    connections.close_all()
