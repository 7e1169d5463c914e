"""The columns of the queues. Each queue has its own table, in the database whose transactions fill it."""

import uuid

from django.db import models
from django.db.models import Q

# A row that is neither delivered nor given up. Partial indexes repeat this condition.
IS_WAITING = Q(delivered_at=None, given_up_at=None)


class QueuedRow(models.Model):
    """Something to deliver, at least once.

    `due_at` is when the next attempt may begin; a worker that claims the row postpones it by the lease, so that it
    becomes due again after a crash. `attempts` counts the claims, so that a result is stored only if no later attempt
    has begun.
    """

    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        abstract = True


class OwedRow(QueuedRow):
    """A row that stays after its delivery, so that people can see what became of it.

    `delivered_at` is set when the receiver accepted it, `given_up_at` when no more attempts follow. `tried_until`, if
    set, replaces the usual end of the attempts.
    """

    owed_at = models.DateTimeField()
    lease_ends_at = models.DateTimeField(null=True)
    tried_until = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class ShipmentRow(QueuedRow):
    """The ids of rows to forward; it is deleted once they arrive.

    `delivery_id` identifies the shipment to the receiver and is unique across databases.
    """

    delivery_id = models.UUIDField(default=uuid.uuid4)
    ids = models.JSONField()
    size = models.PositiveIntegerField()
    queued_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.size} of {self.queued_at:%Y-%m-%d %H:%M:%S}"
