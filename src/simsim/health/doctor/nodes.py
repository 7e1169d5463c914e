"""Findings about the workers of every node, and about clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connections
from django.db.models import Max
from django.utils import timezone

from simsim.audit.models import AuditEvent
from simsim.gate import worker_health
from simsim.health.doctor.findings import Finding, not_started
from simsim.health.doctor.processes import failure_of
from simsim.health.node import run_directory
from simsim.health.sentences import span
from simsim.health.serve_state import read_served
from simsim.health.worker_reports import boot_id, boot_seconds
from simsim.request_log.models import ClockJump, WorkerNode
from simsim.request_log.search import stored_rows
from simsim.request_log.ship import save
from simsim.request_log.ship.backlog import backlog, spool_name

MAX_SILENCE = timedelta(seconds=worker_health.MAX_SILENCE_SECONDS)
MAX_UNSHIPPED = timedelta(seconds=worker_health.MAX_UNSHIPPED_SECONDS)
MAX_SKEW_SECONDS = 1.0
# Ids and lines may be up to a second ahead of the clock.
MAX_AHEAD = timedelta(seconds=5)
# How long a jump of the clock counts as wrong; after that it is only mentioned.
RECENT = timedelta(days=1)


def workers() -> Iterator[Finding]:
    """Report for each node when its worker last finished a round, and which lines wait to be shipped."""
    now = timezone.now()
    here = spool_name(settings.OPERATOR.spool_dir)
    rows = {row.node: row for row in WorkerNode.objects.order_by("host", "node")}
    yield worker_here(rows.pop(here, None) if here else None, now)
    for row in rows.values():
        if row.stopped_at and row.unshipped_since is None:
            yield Finding(f"worker on {row.host}", True, f"stopped since {row.stopped_at:%Y-%m-%d %H:%M:%S} UTC")
            continue
        says, is_good = rounds_of(row, now - row.round_at)
        if row.unshipped_since and now - row.unshipped_since > MAX_UNSHIPPED:
            says.append(f"a line has waited there to be shipped since {row.unshipped_since:%Y-%m-%d %H:%M:%S} UTC")
            is_good = False
        yield Finding(f"worker on {row.host}", is_good, "; ".join(says))


def worker_here(row: WorkerNode | None, now: datetime) -> Finding:
    """Return the state of this machine's worker and of its spool.

    The spool's lines are counted even if no worker runs.
    """
    spool = settings.OPERATOR.spool_dir
    waits = backlog(spool, save.positions()) if spool.is_dir() else None
    served = read_served(run_directory())
    program = served.program("worker") if served and served.is_running else None
    failure = failure_of(served, "worker") if served and program else ""
    is_dying = program is not None and program.failures > 1
    if row is None:
        if waits is None and not failure:
            return not_started("worker", "not started yet: simsim serve runs one")
        says, is_good = [f"no worker has run on this machine{failure}"], False
    else:
        # Use the clock that nobody can set, unless the machine has rebooted since.
        is_same_boot = bool(row.boot_id) and row.boot_id == boot_id()
        silence = timedelta(seconds=boot_seconds() - row.boot_seconds) if is_same_boot else now - row.round_at
        says, is_good = rounds_of(row, silence)
        # A worker that keeps restarting, and always dies after its first round, is never silent for long.
        if failure and (is_dying or not is_good):
            says.append(failure.removeprefix(": "))
            is_good = False
    if waits is None:
        says.append("no line is waiting to be shipped")
    else:
        since = now - waits.since
        says.append(f"{waits.lines} lines waiting to be shipped, the oldest for {span(since)}")
        is_good = is_good and since <= MAX_UNSHIPPED
    return Finding("worker", is_good, "; ".join(says))


def rounds_of(row: WorkerNode, silence: timedelta) -> tuple[list[str], bool]:
    """Return sentences about a worker's rounds, and whether they show no problem."""
    says = [f"last round {span(silence)} ago"]
    is_good = silence <= MAX_SILENCE
    if row.stopped_at is not None:
        says[0] += f", then it was stopped: start simsim worker on {row.host}"
        is_good = False
    elif not is_good:
        says[0] += f": start simsim worker on {row.host}"
    for failing in row.failing:
        since = datetime.fromisoformat(failing["since"])
        says.append(f"{failing['job']} has failed since {since:%Y-%m-%d %H:%M:%S} UTC ({failing['error']})")
        is_good = False
    return says, is_good


def clock() -> Iterator[Finding]:
    """Compare our clock with other clocks: an expiry must mean the same moment on every node."""
    now = timezone.now()
    says, is_good = [], True
    if connections["default"].vendor == "postgresql":
        skew = skew_seconds()
        is_good = skew <= MAX_SKEW_SECONDS
        says.append(f"{skew:.3f} s from the database's" + ("" if is_good else ": use NTP on both machines"))
    newest = newest_entry()
    if newest is not None and newest - now > MAX_AHEAD:
        is_good = False
        says.append(
            f"it is {span(newest - now)} behind the newest entry of the log or the audit trail, of "
            f"{newest:%Y-%m-%d %H:%M:%S} UTC: it is slow, or was fast when that entry was written. Use NTP"
        )
    for jump in ClockJump.objects.filter(noticed_at__gt=now - 7 * RECENT).order_by("pk"):
        is_good = is_good and jump.noticed_at < now - RECENT
        way = "forward" if jump.seconds > 0 else "back"
        length = span(timedelta(seconds=jump.seconds))
        says.append(f"on {jump.host} it was set {way} by {length}, to {jump.noticed_at:%Y-%m-%d %H:%M:%S} UTC")
    # SQLite uses this machine's clock, so there is nothing to compare.
    yield Finding(
        "clock", is_good, "; ".join(says) or "nobody has set it recently; there is no other clock to compare it with"
    )


def skew_seconds() -> float:
    """Return by how much our clock differs from PostgreSQL's."""
    with connections["default"].cursor() as cursor:
        before = timezone.now()
        cursor.execute("SELECT clock_timestamp()")
        told: datetime = cursor.fetchone()[0]
        middle = before + (timezone.now() - before) / 2
    return abs((told - middle).total_seconds())


def newest_entry() -> datetime | None:
    """Return the time of the newest entry in the databases, or None if they are empty."""
    moments = [
        stored_rows.newest_moment(),
        AuditEvent.objects.order_by("-pk").values_list("at", flat=True).first(),
        WorkerNode.objects.aggregate(newest=Max("round_at"))["newest"],
    ]
    return max((moment.astimezone(UTC) for moment in moments if moment), default=None)
