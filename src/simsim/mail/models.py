"""The outbox: a row for each email, stored in the transaction of the change that it reports."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from simsim.delivery.rows import IS_WAITING, OwedRow


class OwedMail(OwedRow):
    """An email to one recipient. `dedupe` prevents the same email from being queued twice.

    `delivered_at` is when the mail server accepted it. `account_id` and `token_id` say what the email is about. They
    are copies, because the row outlives account and token.
    """

    dedupe = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=60)
    recipient = models.EmailField()
    account_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    facts = models.JSONField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="mail_waiting", condition=IS_WAITING),
            models.Index(fields=["recipient"], name="mail_in_flight", condition=Q(lease_ends_at__isnull=False)),
            models.Index(fields=["given_up_at"], name="mail_given_up", condition=Q(given_up_at__isnull=False)),
            models.Index(fields=["token_id", "owed_at"], name="mail_of_a_token"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"
