"""The state of each node's worker at its last round, and the jumps of each node's clock, for the operator.

Both are in the log's database: a commit to the tokens' database would make the gate forget its remembered verdicts.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Min

from simsim.request_log.node_totals import NodeTotal
from simsim.request_log.owed_batches import OwedBatch

# A node that has been silent for this long counts as removed.
NODE_KEPT = timedelta(days=7)
JUMPS_KEPT = timedelta(days=30)
# How long others wait for the lines of a node whose worker is silent.
AWAITED = timedelta(minutes=10)
# A line is written when its request is answered, and has the time at which the request arrived.
MAX_WRITING = timedelta(seconds=3)


class WorkerNode(models.Model):
    """One node's worker. `node` is the name of its spool, `host` that of the machine.

    `boot_id` and `boot_seconds` (since that boot) give the time of the last round on a clock that nobody can set.
    `unshipped_since` is the time of the oldest line that waits to be shipped, or None. `failing` holds `{job, since,
    error}` of each failing job. `change_id` and `change_at` belong to the newest audit event that the worker has seen;
    if that event was missing at `lost_changes_at`, an older copy of the database had been restored, which ended at
    `went_back_to`. `stopped_at` is when the worker was asked to stop, or None while it runs or if it was killed.
    """

    node = models.CharField(max_length=32, primary_key=True)
    host = models.CharField(max_length=255)
    started_at = models.DateTimeField()
    round_at = models.DateTimeField()
    boot_id = models.CharField(max_length=36)
    boot_seconds = models.FloatField()
    unshipped_since = models.DateTimeField(null=True)
    failing = models.JSONField(default=list)
    change_id = models.BigIntegerField(null=True)
    change_at = models.DateTimeField(null=True)
    lost_changes_at = models.DateTimeField(null=True)
    lost_changes_until = models.DateTimeField(null=True)
    went_back_to = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    # "" if older code wrote the row.
    version = models.CharField(max_length=40, default="", db_default="")

    def __str__(self) -> str:
        return f"{self.host}: {self.round_at:%Y-%m-%d %H:%M:%S}"


class ClockJump(models.Model):
    """A change of a node's clock: `seconds` forward, or back if negative.

    `noticed_at` is a time on the changed clock.
    """

    node = models.CharField(max_length=32)
    host = models.CharField(max_length=255)
    noticed_at = models.DateTimeField()
    seconds = models.FloatField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["noticed_at"], name="clock_jumps_by_age")]

    def __str__(self) -> str:
        return f"{self.host}: {self.seconds:+.1f} s at {self.noticed_at:%Y-%m-%d %H:%M:%S}"


def complete_until(now: datetime) -> datetime | None:
    """Return the time up to which every node has stored its requests, as far as its worker last reported.

    Later requests may still be stored before earlier ones. None if no worker has reported in the last AWAITED.
    """
    reports = WorkerNode.objects.filter(round_at__gt=now - AWAITED).values_list("round_at", "unshipped_since")
    times = [min(round_at, since or round_at) for round_at, since in reports]
    # What ClickHouse does not have yet can't be found.
    owed = OwedBatch.objects.aggregate(since=Min("since"))["since"]
    return min([*times, owed or times[0]]) - MAX_WRITING if times else None


def forget_old(now: datetime) -> int:
    """Delete the nodes that have long been silent, and old jumps; return how many."""
    silent = list(WorkerNode.objects.filter(round_at__lt=now - NODE_KEPT).values_list("pk", flat=True))
    NodeTotal.objects.filter(node__in=silent).delete()
    nodes = WorkerNode.objects.filter(pk__in=silent).delete()[0]
    return nodes + ClockJump.objects.filter(noticed_at__lt=now - JUMPS_KEPT).delete()[0]
