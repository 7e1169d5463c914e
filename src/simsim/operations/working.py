"""The worker: each job in a thread and with a connection of its own, so that a slow one delays no other."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connections
from django.utils import timezone

from simsim import sqlite_library
from simsim.forwarding import forwarder, unsent
from simsim.gate import ballast
from simsim.mail import outbox
from simsim.request_log import gaps
from simsim.request_log.retention import forget_old
from simsim.request_log.shipping import Shipper
from simsim.tokens import expiry_notices

log = logging.getLogger(__name__)
LONGEST_WAIT_SECONDS = 30.0
# Less than the supervisor's patience: what a job has not finished by then it does again after the next start.
FAREWELL_SECONDS = 6.0
# Deliveries at once: a mail server that hangs holds up one of them. Each has a connection of the database's pool.
DELIVERIES = 3
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


@dataclass(frozen=True)
class Job:
    """`run` does what is due and returns how much that was; then the job pauses, `busy_seconds` when there was some."""

    name: str
    run: Callable[[], int]
    idle_seconds: float
    busy_seconds: float


def jobs() -> list[Job]:
    shipper = Shipper(settings.OPERATOR.spool_dir, access_logs=settings.OPERATOR.followed_logs())
    return [
        Job("log shipping", shipper.ship_once, idle_seconds=0.2, busy_seconds=0.05),
        *(Job(f"mail {nth}", deliver, idle_seconds=1.0, busy_seconds=0.0) for nth in range(1, DELIVERIES + 1)),
        # R9 allows two minutes; a new token is looked at here too, to find when its notices are due.
        Job("expiry notices", owe_expiry_notices, idle_seconds=15.0, busy_seconds=0.0),
        # Soon after there is room again, and not at once: who makes it is at work still.
        Job("ballast", keep_ballast, idle_seconds=60.0, busy_seconds=60.0),
        Job("retention", forget, idle_seconds=3600.0, busy_seconds=0.1),
        *([Job("forwarding", forward, idle_seconds=0.5, busy_seconds=0.0)] if settings.FORWARD_TARGET else []),
    ]


def deliver() -> int:
    """Hand over the mails that are due now; return how many were taken."""
    return outbox.deliver_due(now=timezone.now())


def owe_expiry_notices() -> int:
    """Owe the notices about tokens that near their end or have reached it; return how many tokens were looked at."""
    return expiry_notices.owe_due(now=timezone.now())


def keep_ballast() -> int:
    """Keep room that the gate can give away when the disk is full; return whether there is some."""
    directory = settings.OPERATOR.spool_dir
    return int(directory.is_dir() and ballast.keep(directory))


def forget() -> int:
    """Delete some of the requests, gaps and what waits to be forwarded that is older than the log; return how many."""
    now, days = timezone.now(), settings.OPERATOR.log_retention_days
    return forget_old(now, days=days) + gaps.forget_old(now - timedelta(days=days)) + unsent.forget(now, days=days)


def forward() -> int:
    """Forward some of what is due; return how much. What the receiver does not take is told, and waits."""
    target = settings.FORWARD_TARGET
    return forwarder.forward_due(target, now=timezone.now()) if target else 0


def work() -> None:
    """Do the jobs until SIGTERM, SIGINT or SIGHUP. Raises Unusable where SQLite could corrupt what it writes."""
    sqlite_library.prove_safe()
    # Blocked before the threads begin, which inherit it: the signal then waits for sigwait and strikes nowhere else.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    stop = threading.Event()
    threads = [threading.Thread(target=repeat, args=(job, stop), name=job.name, daemon=True) for job in jobs()]
    for thread in threads:
        thread.start()
    signal.sigwait(STOP_SIGNALS)
    stop.set()
    last = time.monotonic() + FAREWELL_SECONDS
    for thread in threads:
        thread.join(max(0.0, last - time.monotonic()))


def repeat(job: Job, stop: threading.Event) -> None:
    """Run a job again and again until `stop`. An error is told in one line, and the job tried again, ever later."""
    failures = 0
    while not stop.is_set():
        try:
            pause = job.busy_seconds if job.run() else job.idle_seconds
            failures = 0
        except Exception as error:  # a database that is away must end neither this job nor the others
            failures += 1
            pause = min(0.5 * 2 ** min(failures - 1, 10), LONGEST_WAIT_SECONDS)
            first_line = (str(error).splitlines() or [""])[0]
            log.error("%s failed (%s: %s); again in %g s", job.name, type(error).__name__, first_line, pause)  # noqa: TRY400
            # A connection that broke stays broken: the next attempt must open a new one.
            connections.close_all()
        stop.wait(pause)
    connections.close_all()
