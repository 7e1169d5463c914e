"""Audit events, and their shipments to the receiver."""

import uuid
from typing import ClassVar

from django.db import models


class AuditEvent(models.Model):
    """An event, its actor and its subject. Ids and labels are copies, because the row outlives actor and subject."""

    at = models.DateTimeField()
    event = models.CharField(max_length=60)
    account_id = models.UUIDField(null=True)
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=254)
    subject_id = models.CharField(max_length=60)
    details = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account_id", "-id"], name="audit_of_an_account")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_label} {self.event}"


class Shipment(models.Model):
    """The ids of events to forward, stored in the transaction of the events; see the log's Shipment."""

    delivery_id = models.UUIDField(default=uuid.uuid4)
    ids = models.JSONField()
    size = models.PositiveIntegerField()
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], name="audit_shipments_due"),
            models.Index(fields=["queued_at"], name="audit_shipments_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.size} events of {self.queued_at:%Y-%m-%d %H:%M:%S}"
