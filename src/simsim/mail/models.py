"""The outbox: a row for every mail that is owed, in the transaction of the change that owes it."""

from typing import ClassVar

from django.db import models


class OwedMail(models.Model):
    """A mail to one recipient. `dedupe` makes the same mail owed once, whoever asks for it again.

    `due_at` is when the next attempt may begin; a worker that claims the row moves it on by the lease, so that a crash
    gives the row back. `delivered_at` is set when the mail server has taken it, `given_up_at` when no attempt is left.
    """

    dedupe = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=60)
    recipient = models.EmailField()
    facts = models.JSONField()
    owed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=500, blank=True, default="")
    delivered_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"], name="mail_waiting", condition=models.Q(delivered_at=None, given_up_at=None)
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"
