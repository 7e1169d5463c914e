"""The columns of a queue of deliveries to the receiver. The audit trail and the log each have such a queue."""

import uuid

from django.db import models


class ShipmentBase(models.Model):
    """The ids of rows to forward.

    `delivery_id` identifies the shipment to the receiver and is unique across databases. A worker that claims it
    postpones `due_at` by a lease, so that it becomes due again after a crash.
    """

    delivery_id = models.UUIDField(default=uuid.uuid4)
    ids = models.JSONField()
    size = models.PositiveIntegerField()
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.size} of {self.queued_at:%Y-%m-%d %H:%M:%S}"
