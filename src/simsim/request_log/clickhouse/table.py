"""The table of the log's rows in ClickHouse, and its partitions, one for each day."""

from simsim.request_log.clickhouse import server
from simsim.request_log.row_ids import IDS_PER_DAY

TABLE = "simsim_requests"
# A row is found by its account and its id, as in the other databases. `batch` keeps two rows apart that two nodes gave
# the same id. A row is replaced by its next `version`; rows of the same version are one row that arrived twice.
COLUMNS = {
    "id": "Int64",
    "received_at": "DateTime64(6, 'UTC')",
    "account_id": "UUID",
    "token_id": "Nullable(UUID)",
    "token_name": "LowCardinality(Nullable(String))",
    "method": "LowCardinality(String)",
    "resource": "String",
    "status": "Nullable(Int16)",
    "outcome": "LowCardinality(String)",
    "reason": "LowCardinality(String)",
    "cause": "LowCardinality(String)",
    "duration_seconds": "Nullable(Float64)",
    "bytes": "Nullable(Int64)",
    "address": "Nullable(String)",
    "via": "Nullable(String)",
    "endpoint_id": "Nullable(Int64)",
    "batch": "Int64",
    "version": "UInt8",
}
# The server remembers the tokens of this many blocks.
BLOCKS_REMEMBERED = 1000
CREATE = f"""
    CREATE TABLE IF NOT EXISTS {TABLE} ({", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())})
    ENGINE = ReplacingMergeTree(version) PARTITION BY intDiv(id, {IDS_PER_DAY}) ORDER BY (account_id, id, batch)
    SETTINGS non_replicated_deduplication_window = {BLOCKS_REMEMBERED}
"""
EXISTING = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = %s"
OLDEST_DAY = f"SELECT intDiv(min(id), {IDS_PER_DAY}) FROM {TABLE} HAVING count() > 0"  # noqa: S608 - our own names


def create() -> None:
    """Create the table if it does not exist. Raises Unanswered."""
    server.order(CREATE)


def missing_columns() -> list[str]:
    """Return the columns that the table lacks or has in another type; all of them if there is no table.

    Raises Unanswered.
    """
    found = dict(server.ask(EXISTING, [TABLE]))
    return [name for name, kind in COLUMNS.items() if found.get(name) != kind]


def drop_one(before_day: int) -> bool:
    """Drop the oldest day if it is before the given one; return whether one was dropped. Raises Unanswered.

    Days are counted from 1970.
    """
    days = server.ask(OLDEST_DAY)
    if not days or days[0][0] >= before_day:
        return False
    server.order(f"ALTER TABLE {TABLE} DROP PARTITION {days[0][0]}")
    return True
