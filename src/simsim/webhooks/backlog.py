"""What waits to be sent to the webhooks of all accounts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min

from simsim.webhooks.models import PauseReason, WebhookEndpoint
from simsim.webhooks.outbox import waiting

LONG_WAIT = timedelta(minutes=5)


@dataclass(frozen=True)
class WebhookBacklog:
    """`due_since` is when the oldest delivery to a receiver that answers was due, None if none is.

    Receivers that fail belong to customers: their deliveries wait without a fault of the installation.
    """

    waiting: int
    due_since: datetime | None
    paused: int

    def is_good(self, now: datetime) -> bool:
        """Whether the workers keep up."""
        return self.due_since is None or now - self.due_since < LONG_WAIT


def webhook_backlog(*, now: datetime) -> WebhookBacklog:
    """Return what waits now."""
    answering = waiting().filter(due_at__lte=now, endpoint__paused_at=None, endpoint__failing_since=None)
    paused = WebhookEndpoint.objects.exclude(pause_reason__in=["", PauseReason.PERSON])
    return WebhookBacklog(
        waiting().count(),
        answering.aggregate(oldest=Min("due_at"))["oldest"],
        paused.filter(paused_at__isnull=False).count(),
    )
