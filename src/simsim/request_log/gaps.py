"""What is known to be missing from the log: requests that got 503, for there was no room to write them down."""

from datetime import datetime
from typing import ClassVar, NamedTuple

from django.db import models
from django.db.models import Max, Min, Sum


class LogGap(models.Model):
    """So many requests that one process of the gate could not write down between two moments, and let none of them in.

    `gap_id` is of the line that told it.
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
    """How many requests are missing, from when until when; of several gaps all together."""

    requests: int
    began_at: datetime
    ended_at: datetime


def missing_since(since: datetime) -> Missing | None:
    """Return what is missing of the requests since then, None for nothing."""
    found = LogGap.objects.filter(ended_at__gte=since).aggregate(
        requests=Sum("requests"), began_at=Min("began_at"), ended_at=Max("ended_at")
    )
    return None if found["requests"] is None else Missing(**found)


def forget_old(before: datetime) -> int:
    """Delete the gaps that ended before that time; return how many they were."""
    return LogGap.objects.filter(ended_at__lt=before).delete()[0]
