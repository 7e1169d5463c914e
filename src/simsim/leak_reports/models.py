"""The passwords that were reported as leaked."""

import uuid

from django.db import models

from simsim.accounts.models import Account


class LeakReport(models.Model):
    """A report that stopped something. Its digest is that of the password, so that a repeat changes nothing.

    `subject_id` is the id of the token or the management token; a management token of the operator has no account.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.BinaryField(max_length=32, unique=True)
    account = models.ForeignKey(Account, models.PROTECT, null=True, related_name="leak_reports")
    subject_id = models.UUIDField()
    source = models.CharField(max_length=40)
    place = models.CharField(max_length=500, blank=True, default="")
    reported_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.subject_id}, reported by {self.source}"
