"""Known gaps in the log: requests that got 503 because there was no room for their lines, or no gate to ask."""

from datetime import datetime
from typing import ClassVar, NamedTuple

from django.db import models
from django.db.models import Max, Min, Sum


class LogGap(models.Model):
    """The requests that one process refused between two times: a gate that could not log them, or a node that got no
    answer from its gate.

    `gap_id` is the id of the line that reported the gap.
    """

    gap_id = models.CharField(max_length=32, primary_key=True)
    requests = models.BigIntegerField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    found_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["ended_at"], name="log_gaps_by_age")]

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M:%S} to {self.ended_at:%Y-%m-%d %H:%M:%S}: {self.requests}"


class Missing(NamedTuple):
    """The sum of several gaps: how many requests are missing, and from when to when."""

    requests: int
    began_at: datetime
    ended_at: datetime


def missing_since(since: datetime) -> Missing | None:
    """Return the sum of the gaps since that time, or None if there are none."""
    found = LogGap.objects.filter(ended_at__gte=since).aggregate(
        requests=Sum("requests"), began_at=Min("began_at"), ended_at=Max("ended_at")
    )
    return None if found["requests"] is None else Missing(**found)


def forget_old(before: datetime) -> int:
    """Delete the gaps that ended before that time; return how many."""
    return LogGap.objects.filter(ended_at__lt=before).delete()[0]
