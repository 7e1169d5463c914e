"""One row for each administrative act."""

from typing import ClassVar

from django.db import models


class AuditEvent(models.Model):
    """What happened, who did it, to what. Ids and labels are copies: the row outlives what it speaks of."""

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
