"""How many requests each node has let in of the tokens with a rate or a quota, in this month (B17).

The rows are in the log's database: a commit to the tokens' database would make the gate forget its remembered verdicts.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connections, models

from simsim.credential.rates import DAY_SECONDS, month_of

# In PostgreSQL's dialect: an installation on SQLite has one node. The order of the rows is that in which they are
# locked, so that two workers of a node, during a reload, don't wait for each other.
TELL = """
    INSERT INTO request_log_nodecount AS kept (token_id, node, month, this_month, day, today, told_at)
    SELECT token_id, %s, month, this_month, day, today, clock_timestamp()
    FROM unnest(%s::uuid[], %s::int[], %s::bigint[], %s::int[], %s::bigint[])
        AS told (token_id, month, this_month, day, today)
    ORDER BY token_id
    ON CONFLICT (token_id, node) DO UPDATE
        SET month = excluded.month, this_month = excluded.this_month, day = excluded.day, today = excluded.today,
            told_at = excluded.told_at
        WHERE (kept.month, kept.this_month) IS DISTINCT FROM (excluded.month, excluded.this_month)
"""
HEAR = """
    SELECT token_id, coalesce(sum(today) FILTER (WHERE day = %(day)s), 0)::bigint, sum(this_month)::bigint,
        count(*) FILTER (WHERE told_at > %(since)s)
    FROM request_log_nodecount
    WHERE node <> %(node)s AND month = %(month)s AND token_id IN (
        SELECT token_id FROM request_log_nodecount WHERE told_at > %(since)s AND node <> %(node)s
    )
    GROUP BY token_id
"""
BATCH = 5_000
# Clocks of nodes differ, and a node that is a little behind still needs the month that has ended.
KEPT_LONGER = timedelta(days=1)


class NodeCount(models.Model):
    """The requests of a token that one node has let in, `node` being the name of its spool.

    `month` and `day` are numbered as in `credential.rates.Usage`, by the node's own clock; `told_at` is by the
    database's. The row of a node that died remains until the month is over, because its requests count.
    """

    token_id = models.UUIDField()
    node = models.CharField(max_length=32)
    month = models.PositiveIntegerField()
    this_month = models.BigIntegerField()
    day = models.PositiveIntegerField()
    today = models.BigIntegerField()
    told_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token_id", "node"], name="one_count_of_a_token_and_node")
        ]
        indexes: ClassVar = [models.Index(fields=["told_at"], name="node_counts_by_time")]

    def __str__(self) -> str:
        return f"{self.token_id} at {self.node}: {self.this_month}"


class Told(NamedTuple):
    """What one node tells of a token."""

    token_id: UUID
    month: int
    this_month: int
    day: int
    today: int


class Heard(NamedTuple):
    """The sums of all other nodes for a token, and how many of these nodes have told of it lately."""

    token_id: UUID
    today: int
    this_month: int
    nodes: int


def database_time() -> datetime:
    """Return the time by the clock of the log's database."""
    with connections[settings.REQUEST_LOG_ALIAS].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def tell(node: str, counts: Sequence[Told]) -> None:
    """Store what a node has let in; rows that don't change are not written."""
    with connections[settings.REQUEST_LOG_ALIAS].cursor() as cursor:
        for start in range(0, len(counts), BATCH):
            columns: list[Any] = [list(column) for column in zip(*counts[start : start + BATCH], strict=True)]
            cursor.execute(TELL, [node, *columns])


def heard_by(node: str, now: float, *, since: datetime) -> Iterator[Heard]:
    """Yield what the other nodes have let in today and this month of each token of which one has told since then."""
    day = int(now // DAY_SECONDS)
    with connections[settings.REQUEST_LOG_ALIAS].cursor() as cursor:
        cursor.execute(HEAR, {"day": day, "month": month_of(day), "node": node, "since": since})
        yield from map(Heard._make, cursor.fetchall())


def forget_old(now: datetime) -> int:
    """Delete the counts of months that are over; return how many."""
    month = month_of(int((now - KEPT_LONGER).timestamp() // DAY_SECONDS))
    return NodeCount.objects.filter(month__lt=month).delete()[0]
