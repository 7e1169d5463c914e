"""The outbox: a row for each email, stored in the transaction of the change that it reports."""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class OwedMail(models.Model):
    """An email to one recipient. `dedupe` prevents the same email from being queued twice.

    `due_at` is when the next attempt may begin; a worker that claims the row postpones it by the lease, so that it
    becomes due again after a crash. `attempts` counts the claims, so that a result is stored only if no later attempt
    has begun. `delivered_at` is set when the mail server accepted the email, `given_up_at` when no more attempts
    follow. `account_id` and `token_id` say what the email is about. They are copies, because the row outlives account
    and token.
    """

    dedupe = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=60)
    recipient = models.EmailField()
    account_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    facts = models.JSONField()
    owed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    lease_ends_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True, default="")
    tried_until = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="mail_waiting", condition=Q(delivered_at=None, given_up_at=None)),
            models.Index(fields=["recipient"], name="mail_in_flight", condition=Q(lease_ends_at__isnull=False)),
            models.Index(fields=["given_up_at"], name="mail_given_up", condition=Q(given_up_at__isnull=False)),
            models.Index(fields=["token_id", "owed_at"], name="mail_of_a_token"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"
