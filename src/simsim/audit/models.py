"""Audit events, and their shipments to the receiver."""

from typing import ClassVar

from django.db import models

from simsim.delivery.rows import ShipmentRow


class AuditEvent(models.Model):
    """An event, its actor and its subject.

    Ids and labels are copies, because the actor or the subject may be removed before the event.
    """

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


class Shipment(ShipmentRow):
    """The ids of events to forward, stored in the transaction of the events."""

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], name="audit_shipments_due"),
            models.Index(fields=["queued_at"], name="audit_shipments_by_age"),
        ]
