"""The worker: each job has its own thread and database connection, so that a slow job delays no other."""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from simsim.access_reviews import schedule as access_reviews
from simsim.forwarding import forwarder
from simsim.gate import disk_reserve
from simsim.gate.wal_index import Identity, identity_of
from simsim.gateway import takeover
from simsim.health.existing_installation import prove_files_safe
from simsim.health.worker_reports import HealthReporter, Progress, boot_seconds
from simsim.mail import outbox
from simsim.operations import retention
from simsim.operations.installation_lock import in_use
from simsim.operations.wall_clock import WallClock
from simsim.problem import Unusable
from simsim.request_log.count_exchange import ROUND_SECONDS, CountExchange
from simsim.request_log.ship.shipper import Shipper
from simsim.tokens import expiry_notices, idle_tokens
from simsim.tokens.counted_usage import counters
from simsim.tokens.quota_notices import QuotaWatch
from simsim.traces import spans
from simsim.traces.spans import Tracer, make_tracer
from simsim.webhooks import outbox as webhooks

log = logging.getLogger(__name__)
MAX_WAIT_SECONDS = 30.0
# Shorter than the supervisor's wait. A job that has not finished by then starts again with the next worker.
STOP_SECONDS = 6.0
# The number of emails delivered at the same time: a mail server that hangs holds up only one of them. Each takes a
# pooled database connection.
DELIVERY_THREADS = 3
# More than `webhooks.outbox.MAX_IN_FLIGHT`, so that an endpoint that hangs leaves some for the others.
WEBHOOK_THREADS = 4
# One clock for all jobs: a clock that jumps must not make anything expire, be sent or be deleted early.
clock = WallClock()
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


@dataclass(frozen=True)
class Job:
    """`run` does the work that is due and returns the number of items. If there were any, the job pauses only for
    `busy_seconds`.

    Only the job's own thread writes `progress`.
    """

    name: str
    run: Callable[[], int]
    idle_seconds: float
    busy_seconds: float
    progress: Progress = field(default_factory=Progress)


def jobs(reporter: HealthReporter) -> list[Job]:
    shipper = Shipper(settings.OPERATOR.spool_dir, clock.now, access_logs=settings.OPERATOR.parsed_access_logs())
    return [
        Job("log shipping", shipper.ship_once, idle_seconds=0.2, busy_seconds=0.05),
        *(Job(f"mail {nth}", deliver, idle_seconds=1.0, busy_seconds=0.0) for nth in range(1, DELIVERY_THREADS + 1)),
        *(
            Job(f"webhooks {nth}", send_webhooks, idle_seconds=1.0, busy_seconds=0.0)
            for nth in range(1, WEBHOOK_THREADS + 1)
        ),
        # R9 allows two minutes. This job also examines each new token, to find when its notices are due.
        Job("expiry notices", owe_expiry_notices, idle_seconds=15.0, busy_seconds=0.0),
        quota_notices(),
        Job("idle tokens", treat_idle_tokens, idle_seconds=3600.0, busy_seconds=3600.0),
        Job("access reviews", start_access_reviews, idle_seconds=600.0, busy_seconds=600.0),
        # Reserve again soon after there is room, but not at once: somebody may still be freeing space.
        Job("ballast", keep_ballast, idle_seconds=60.0, busy_seconds=60.0),
        Job("retention", delete_old, idle_seconds=3600.0, busy_seconds=0.1),
        Job("health", reporter.report, idle_seconds=1.0, busy_seconds=1.0),
        *([Job("forwarding", forward, idle_seconds=0.5, busy_seconds=0.0)] if settings.FORWARD_TARGET else []),
        *([count_exchange()] if connections[settings.REQUEST_LOG_ALIAS].vendor == "postgresql" else []),
    ]


def quota_notices() -> Job:
    """Return the job that tells people of quotas that are used."""
    watch = QuotaWatch(counters())
    return Job("quota notices", lambda: watch.owe_due(now=clock.now()), idle_seconds=15.0, busy_seconds=15.0)


def count_exchange() -> Job:
    """Return the job that lets a quota hold for all nodes. An installation on SQLite has one."""
    exchange = CountExchange(settings.OPERATOR.spool_dir, counters())
    return Job("count exchange", exchange.run, idle_seconds=ROUND_SECONDS, busy_seconds=ROUND_SECONDS)


def deliver() -> int:
    """Hand the emails that are due to the mail server; return how many it accepted."""
    return outbox.deliver_due(now=clock.now())


def send_webhooks() -> int:
    """Send the accounts' events that are due; return the number of attempts."""
    return webhooks.deliver_due(now=clock.now())


def owe_expiry_notices() -> int:
    """Queue the notices about tokens that expire soon or have expired; return how many tokens were examined."""
    return expiry_notices.owe_due(now=clock.now())


def treat_idle_tokens() -> int:
    """Warn about idle tokens, and pause those that were warned about, where a policy says so; return how many."""
    return idle_tokens.treat_idle(now=clock.now())


def start_access_reviews() -> int:
    """Start the access reviews that are due, and send the reminders that are due; return how many."""
    return access_reviews.start_due(now=clock.now())


def keep_ballast() -> int:
    """Reserve disk space that the gate can release when the disk is full; return whether some is reserved."""
    directory = settings.OPERATOR.spool_dir
    return int(directory.is_dir() and disk_reserve.keep(directory))


def delete_old() -> int:
    """Delete some of the rows that are too old; return how many."""
    return retention.delete_old(clock.now())


def forward() -> int:
    """Forward some of the events that are due; return how many. Events that the receiver does not accept wait."""
    target = settings.FORWARD_TARGET
    return forwarder.forward_due(target, now=clock.now()) if target else 0


def work(check: Sequence[str]) -> None:
    """Run the jobs until SIGTERM or SIGINT.

    On SIGHUP, if the command `check` succeeds, the jobs stop, and this process becomes a new image of itself. Raises
    Unusable where SQLite could corrupt a database, and during a restore.
    """
    if takeover.received():
        log.warning("Reloaded")
    prove_files_safe(settings.OPERATOR)
    with in_use(settings.OPERATOR.data_dir):
        is_reload = run_jobs(check)
    if is_reload:
        takeover.become_new_image()


def run_jobs(check: Sequence[str]) -> bool:
    """Run the jobs until a signal; return whether to reload."""
    # Block the signals before the threads start, because threads inherit the mask: only sigwait then receives a signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    stop = threading.Event()
    running: list[Job] = []
    reporter = HealthReporter(settings.OPERATOR.spool_dir, lambda: [(job.name, job.progress) for job in running])
    running += jobs(reporter)
    tracer = make_tracer("worker")
    threads = [threading.Thread(target=repeat, args=(job, stop, tracer), name=job.name, daemon=True) for job in running]
    for thread in threads:
        thread.start()
    is_reload = wait_for_end(check)
    stop.set()
    last = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, last - time.monotonic()))
    with contextlib.suppress(DatabaseError):
        reporter.note_stop()
    if tracer:
        tracer.close()
    return is_reload


def wait_for_end(check: Sequence[str]) -> bool:
    """Return False when a signal asks to stop, True when one asks to reload and `check` succeeds."""
    while signal.sigwait(STOP_SIGNALS) == signal.SIGHUP:
        try:
            takeover.prove_succeeds(check)
        except Unusable as problem:
            log.error("%s. Nothing was reloaded", problem)  # noqa: TRY400 - one line
        else:
            return True
    return False


def database_identities() -> list[Identity | None]:
    """Return the identity of each SQLite database file, None for a missing file; an empty list on PostgreSQL."""
    found: list[Identity | None] = []
    for path in settings.OPERATOR.database_files:
        try:
            found.append(identity_of(path))
        except OSError:
            found.append(None)
    return found


def traced(job: Job, tracer: Tracer) -> Callable[[], int]:
    """Return what runs the job, and makes a span of each run that found work or failed."""

    def run() -> int:
        began_ns = time.time_ns()
        facts: dict[str, str | int] = {}
        try:
            done = facts[spans.ITEMS] = job.run()
        except Exception as error:
            facts = {spans.ERROR: type(error).__name__}
            raise
        finally:
            if facts.get(spans.ITEMS) != 0:
                tracer.end(tracer.start(job.name, began_ns=began_ns), facts)
        return done

    return run


def repeat(job: Job, stop: threading.Event, tracer: Tracer | None = None) -> None:
    """Run a job repeatedly until `stop`. An error is logged in one line; the job is retried after a growing pause."""
    run = traced(job, tracer) if tracer else job.run
    failures, files = 0, database_identities()
    while not stop.is_set():
        job.progress.began = boot_seconds()
        try:
            if (found := database_identities()) != files:
                # The database was restored, so the open file is the old one, which no other process will read again.
                connections.close_all()
                files = found
            pause = job.busy_seconds if run() else job.idle_seconds
            failures, job.progress.failing_since = 0, None
        except Exception as error:  # a database that does not answer must not stop a job for good
            failures += 1
            pause = min(0.5 * 2 ** min(failures - 1, 10), MAX_WAIT_SECONDS)
            first_line = (str(error).splitlines() or [""])[0]
            job.progress.error = f"{type(error).__name__}: {first_line}"
            job.progress.failing_since = job.progress.failing_since or timezone.now()
            log.error("%s failed (%s: %s); again in %g s", job.name, type(error).__name__, first_line, pause)  # noqa: TRY400
            # Close the connection: a broken one stays broken, and the next attempt must open a new one.
            connections.close_all()
        job.progress.began = None
        stop.wait(pause)
    connections.close_all()
