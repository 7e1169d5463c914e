"""The log's partitions on PostgreSQL, one for each day: created as rows arrive, and dropped when they are too old."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from simsim.request_log.row_ids import IDS_PER_DAY, moment_of

TABLE = "request_log_loggedrequest"
LOCK = 0x73696D73_696D6C67  # every node uses the same number: "simsimlg" in ASCII
PREFIX = f"{TABLE}_"
EXISTING = """
    SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = %s::regclass
"""


def create(cursor: Any, row_ids: Iterable[int]) -> None:
    """Create the partitions that rows with these ids need. Call it inside a transaction."""
    days = {row_id // IDS_PER_DAY for row_id in row_ids}
    missing = days - existing_days(cursor)
    if not missing:
        return
    # Two nodes may reach midnight together: one creates the day's partition, and the other then finds that it exists.
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    for day in sorted(missing - existing_days(cursor)):
        name = name_of(day)
        # Create the table first and attach it: creating it as a partition would wait for every reader and block later
        # ones.
        cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        bounds = f"FROM ({day * IDS_PER_DAY}) TO ({(day + 1) * IDS_PER_DAY})"
        cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES {bounds}")


def drop_one(cursor: Any, before_day: int) -> bool:
    """Drop the oldest partition if its day is before the given one; return whether one was dropped."""
    old = sorted(day for day in existing_days(cursor) if day < before_day)
    if old:
        cursor.execute(f"DROP TABLE IF EXISTS {name_of(old[0])}")
    return bool(old)


def existing_days(cursor: Any) -> set[int]:
    """Return the days that have a partition."""
    cursor.execute(EXISTING, [TABLE])
    return {day_of(name) for (name,) in cursor.fetchall()}


def name_of(day: int) -> str:
    return f"{PREFIX}{moment_of(day * IDS_PER_DAY):%Y%m%d}"


def day_of(name: str) -> int:
    moment = datetime.strptime(name.removeprefix(PREFIX), "%Y%m%d").replace(tzinfo=UTC)
    return (moment - moment_of(0)) // timedelta(days=1)
