"""Rows that belong in ClickHouse: stored with the positions of their lines, until ClickHouse has them."""

from typing import ClassVar

from django.db import models


class OwedBatch(models.Model):
    """Rows that one batch of lines stored or completed, as one block for ClickHouse.

    `batch` is random, and names the block to ClickHouse. `since` is the time of the oldest row. `spool` is "" for rows
    that come from no spool. `forwarded_ids` are the rows to forward, as soon as ClickHouse has them.
    """

    batch = models.BigIntegerField(primary_key=True)
    spool = models.CharField(max_length=32)
    rows = models.IntegerField()
    data = models.BinaryField()
    since = models.DateTimeField()
    forwarded_ids = models.JSONField(default=list)
    owed_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owed_at"], name="log_owed_by_age")]

    def __str__(self) -> str:
        return f"{self.batch}: {self.rows}"
