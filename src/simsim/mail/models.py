"""The outbox: a row for each email, stored in the transaction of the change that it reports."""

import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from simsim.delivery.rows import IS_WAITING, OwedRow
from simsim.sealed_text import seal, unseal

# Facts that may contain a link for choosing a password: they are stored encrypted, and only while they are needed.
SECRET_FACTS = {"ready_made": {"text", "html"}, "invited": {"link"}}
PURPOSE = "email"


class FactsField(models.JSONField):
    """JSON that is encrypted while an email with a secret link waits, so that a copy of the database opens no account.

    An earlier version's worker can't read the encrypted facts, and postpones the email until this version sends it.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        facts = super().pre_save(model_instance, add)
        if getattr(model_instance, "kind", "") not in SECRET_FACTS:
            return facts
        return seal(json.dumps(facts), secret=settings.SECRET_KEY, purpose=PURPOSE)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        facts = super().from_db_value(value, expression, connection)
        if not isinstance(facts, str):
            return facts
        # Under another SIMSIM_SECRET_KEY the link would not work either.
        return json.loads(unseal(facts, secret=settings.SECRET_KEY, purpose=PURPOSE) or "{}")

    def deconstruct(self) -> Any:
        """Return Django's own field, because the column is the same."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.JSONField", arguments, options


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
    facts = FactsField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="mail_waiting", condition=IS_WAITING),
            models.Index(fields=["recipient"], name="mail_in_flight", condition=Q(lease_ends_at__isnull=False)),
            models.Index(fields=["given_up_at"], name="mail_given_up", condition=Q(given_up_at__isnull=False)),
            models.Index(fields=["token_id", "owed_at"], name="mail_of_a_token"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"
