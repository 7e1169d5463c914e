"""Audit events, the chains that they form, and their shipments to the receiver."""

from typing import ClassVar

from django.db import models

from simsim.delivery.rows import ShipmentRow


class AuditEvent(models.Model):
    """An event, its actor, its subject and its origin, and its place in the chain of its account.

    Ids and labels are copies, because the actor or the subject may be removed before the event. `number` is None for an
    event outside the chain, written by an earlier version or from outside: see `chain`.
    """

    at = models.DateTimeField()
    event = models.CharField(max_length=60)
    account_id = models.UUIDField(null=True)
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=254)
    subject_id = models.CharField(max_length=60)
    details = models.JSONField(default=dict)
    door = models.CharField(max_length=20, default="", db_default="")
    address = models.CharField(max_length=64, default="", db_default="")
    os_user = models.CharField(max_length=120, default="", db_default="")
    number = models.BigIntegerField(null=True)
    mac = models.CharField(max_length=64, default="", db_default="")
    key_id = models.CharField(max_length=16, default="", db_default="")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account_id", "-id"], name="audit_of_an_account"),
            models.Index(fields=["account_id", "number"], name="audit_by_number"),
            models.Index(fields=["account_id", "at", "id"], name="audit_by_time"),
            models.Index(fields=["account_id", "event", "at", "id"], name="audit_by_event"),
            models.Index(fields=["account_id", "subject_id", "at"], name="audit_by_subject"),
            models.Index(fields=["account_id", "actor_label", "at"], name="audit_by_actor"),
            models.Index(fields=["id"], condition=models.Q(number=None), name="audit_outside_the_chain"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_label} {self.event}"


class Chain(models.Model):
    """The sealed end of one account's chain, and of the part that retention has deleted.

    `number` and `mac` are those of the newest event, `before_mac` is that of the newest deleted one.
    """

    name = models.CharField(max_length=36, primary_key=True)
    number = models.BigIntegerField()
    mac = models.CharField(max_length=64)
    first_kept = models.BigIntegerField(default=1)
    before_mac = models.CharField(max_length=64, default="")
    oldest_at = models.DateTimeField(null=True)
    key_id = models.CharField(max_length=16)
    seal = models.CharField(max_length=64)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["oldest_at"], name="audit_chains_by_age")]

    def __str__(self) -> str:
        return f"{self.name}: {self.number}"


class KeptChainKey(models.Model):
    """A key of the chains that is no longer derived from the newest encryption key, encrypted under that key."""

    key_id = models.CharField(max_length=16, primary_key=True)
    kept_under = models.CharField(max_length=16)
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return self.key_id


class Shipment(ShipmentRow):
    """The ids of events to forward, stored in the transaction of the events."""

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], name="audit_shipments_due"),
            models.Index(fields=["queued_at"], name="audit_shipments_by_age"),
        ]
