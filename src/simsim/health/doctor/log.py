"""Findings about the request log: disk space, missing requests, and lines that could not be read."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Min, Sum
from django.utils import timezone

from simsim.gate import disk_reserve
from simsim.health.doctor.findings import Finding, not_started
from simsim.request_log import gaps
from simsim.request_log.clickhouse import server, table
from simsim.request_log.models import OwedBatch
from simsim.request_log.ship import rejected_lines
from simsim.request_log.ship.backlog import spool_name

# Older problems are still mentioned but no longer count as wrong: the operator has had time to see them.
RECENT = timedelta(days=7)
# Rows are sent to ClickHouse as soon as they are stored.
LATE = timedelta(minutes=2)
MEGABYTE = 1024 * 1024
FULL_PERCENT = 95


def disk() -> Iterator[Finding]:
    """Report how full the spool's disk is, and whether the gate has space in reserve."""
    directory = settings.OPERATOR.spool_dir
    if not directory.is_dir():
        yield Finding("disk", False, f"{directory} is missing: run simsim migrate")
        return
    usage = shutil.disk_usage(directory)
    percent = round(100 * (usage.total - usage.free) / usage.total) if usage.total else 100
    says = f"{percent}% full, {usage.free // MEGABYTE:,} MiB free in {directory}"
    if not disk_reserve.is_kept(directory):
        room = 2 * disk_reserve.SIZE_BYTES // MEGABYTE
        missing = (
            f"the reserve for a full disk is missing: free {room} MiB"
            if usage.free < 2 * disk_reserve.SIZE_BYTES
            else "the reserve for a full disk is missing: is simsim worker running?"
        )
        if usage.free >= 2 * disk_reserve.SIZE_BYTES and spool_name(directory) is None:
            yield not_started("disk", f"{says}; the first worker creates the reserve for a full disk")
        else:
            yield Finding("disk", False, f"{says}; {missing}")
        return
    yield Finding("disk", percent < FULL_PERCENT, f"{says}; {disk_reserve.SIZE_BYTES // MEGABYTE} MiB in reserve")


def log() -> Iterator[Finding]:
    """Report how many requests are missing from the log, and how many lines could not be read."""
    recent = timezone.now() - RECENT
    missing = gaps.missing_since(recent)
    aside = rejected_lines.summary()
    says = []
    if missing is not None:
        says.append(
            f"{missing.requests} requests got 503 and are missing, from {missing.began_at:%Y-%m-%d %H:%M:%S} to "
            f"{missing.ended_at:%Y-%m-%d %H:%M:%S} UTC: the disk had no room to log them, "
            "or an API on another host could not ask the gate"
        )
    if aside is not None:
        says.append(
            f"{aside.lines} lines set aside since {aside.first_at:%Y-%m-%d %H:%M} UTC, the last at "
            f"{aside.last_at:%Y-%m-%d %H:%M} from {aside.name} at byte {aside.offset}: simsim log set-aside"
        )
    is_good = missing is None and (aside is None or aside.last_at < recent)
    yield Finding("log", is_good, "; ".join(says) or "no request is missing, no line was set aside")
    yield from clickhouse()


def clickhouse() -> Iterator[Finding]:
    """Report whether ClickHouse has the log's table, and how many rows it does not have yet."""
    if not server.is_home():
        return
    try:
        missing = table.missing_columns()
    except server.Unanswered as error:
        yield Finding("ClickHouse", False, str(error))
        return
    if missing:
        yield Finding("ClickHouse", False, f"the table {table.TABLE} lacks {', '.join(missing)}: run simsim migrate")
        return
    owed = OwedBatch.objects.aggregate(rows=Sum("rows"), since=Min("owed_at"))
    if owed["since"] is not None and owed["since"] < timezone.now() - LATE:
        says = f"{owed['rows']} rows wait since {owed['since']:%Y-%m-%d %H:%M:%S} UTC: is simsim worker running?"
        yield Finding("ClickHouse", False, says)
    else:
        yield Finding("ClickHouse", True, f"{settings.LOG_CLICKHOUSE!r} has the log's rows")


def access_logs() -> Iterator[Finding]:
    """Report which of the followed access logs can't be read."""
    for log_file in settings.OPERATOR.parsed_access_logs():
        if not log_file.path.is_file():
            yield Finding("access log", False, f"{log_file.path} is missing: is the proxy writing it?")
        elif not os.access(log_file.path, os.R_OK):
            yield Finding("access log", False, f"{log_file.path} can't be read by this user")
        else:
            yield Finding("access log", True, f"{log_file.path} can be read")
