"""The status of forwarding: waiting events, the receiver's last error, and lost events."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min, Sum

from simsim.audit.events import Event
from simsim.audit.models import AuditEvent
from simsim.forwarding.queue import QUEUES

LONG_WAIT = timedelta(minutes=5)
RECENT = timedelta(days=3)


@dataclass(frozen=True)
class ForwardingStatus:
    """`waiting` is the number of waiting events, and `oldest` is the time of the oldest; `last_error` is "" if none of
    them has failed.

    `lost` is the number of events given up recently, because they waited for longer than the log is kept.
    """

    waiting: int
    oldest: datetime | None
    last_error: str
    lost: int

    def is_good(self, now: datetime) -> bool:
        """Whether nothing has failed, was lost or has waited for long."""
        waits_for_long = self.oldest is not None and self.oldest < now - LONG_WAIT
        return not (self.last_error or waits_for_long or self.lost)


def forwarding_status(*, now: datetime) -> ForwardingStatus:
    """Return the current status of forwarding."""
    waiting = 0
    oldest: list[datetime] = []
    errors: list[str] = []
    for queue in QUEUES:
        found = queue.rows.aggregate(waiting=Sum("size"), oldest=Min("queued_at"))
        waiting += found["waiting"] or 0
        oldest += [found["oldest"]] if found["oldest"] else []
        errors += queue.rows.exclude(last_error="").order_by("-due_at").values_list("last_error", flat=True)[:1]
    gaps = AuditEvent.objects.filter(event=Event.FORWARDING_GAP, at__gt=now - RECENT)
    lost = sum(int(details["events"]) for details in gaps.values_list("details", flat=True))
    return ForwardingStatus(waiting, min(oldest, default=None), errors[0] if errors else "", lost)
