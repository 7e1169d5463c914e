"""How the worker of each node was at its last round, and the jumps of each node's clock: for whoever looks after it.

In the log's database: each commit to the tokens' one would make the gate look anew.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models

# A node that says nothing for so long is taken for one that was given up.
NODE_KEPT = timedelta(days=7)
JUMPS_KEPT = timedelta(days=30)


class WorkerNode(models.Model):
    """One node's worker. `node` is the name of its spool, `host` that of the machine.

    `boot_id` and `boot_seconds` (since that boot) tell when the last round was by a clock that nobody sets.
    `unshipped_since` is the time of the oldest line that waits, None for none. `failing` holds `{job, since, error}` of
    each job that fails. `change_id` and `change_at` are of the newest audit event that the worker has seen; when
    it was gone at `lost_changes_at`, an older copy of the database had been put back, which ended at `went_back_to`.
    `stopped_at` is when the worker was asked to end, None while it runs or when it was killed.
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

    def __str__(self) -> str:
        return f"{self.host}: {self.round_at:%Y-%m-%d %H:%M:%S}"


class ClockJump(models.Model):
    """A node's clock was set: `seconds` forward, or back where negative. `noticed_at` is by the clock thereafter."""

    node = models.CharField(max_length=32)
    host = models.CharField(max_length=255)
    noticed_at = models.DateTimeField()
    seconds = models.FloatField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["noticed_at"], name="clock_jumps_by_age")]

    def __str__(self) -> str:
        return f"{self.host}: {self.seconds:+.1f} s at {self.noticed_at:%Y-%m-%d %H:%M:%S}"


def forget_old(now: datetime) -> int:
    """Delete the nodes that have been silent, and the jumps that were, long ago; return how many."""
    nodes = WorkerNode.objects.filter(round_at__lt=now - NODE_KEPT).delete()[0]
    return nodes + ClockJump.objects.filter(noticed_at__lt=now - JUMPS_KEPT).delete()[0]
