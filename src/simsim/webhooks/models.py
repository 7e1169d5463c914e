"""Endpoints, and a delivery for each event that an endpoint is told."""

import uuid
from typing import ClassVar
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from simsim.accounts.models import Account, User
from simsim.delivery.rows import IS_WAITING, OwedRow


class PauseReason(models.TextChoices):
    PERSON = "person", _("Paused by an administrator")
    FAILING = "failing", _("Paused by Simsim: every delivery failed for two days")
    GONE = "gone", _("Turned off by the receiver: it answered 410 Gone")


class WebhookEndpoint(models.Model):
    """A receiver of an account's events.

    `events` are the chosen types. The secrets that sign are sealed; the previous one signs too until
    `previous_works_until`. `failures` counts the failed attempts since the last success, and `failing_since` is when
    the first of them began; until `rests_until`, nothing is sent. While `paused_at` is set, deliveries wait.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="webhooks")
    name = models.CharField(_("name"), max_length=200)
    # It may contain a secret that allows writing to the receiver: it is shown to administrators only.
    url = models.CharField(max_length=2000)
    events = models.JSONField()
    sealed_secret = models.BinaryField()
    sealed_previous = models.BinaryField(null=True)
    previous_works_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_by_label = models.CharField(max_length=254)
    paused_at = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=20, choices=PauseReason.choices, blank=True, default="")
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(null=True)
    last_delivered_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """The host and port of the URL, without the parts that may be secret."""
        return urlsplit(self.url).netloc


class WebhookDelivery(OwedRow):
    """One event for one endpoint. `message_id` stays the same whenever it is sent again.

    `body` is what is sent. `answers` are the results of the latest attempts, oldest first: see `outbox.Answer`.
    """

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=60)
    event = models.CharField(max_length=60)
    body = models.TextField()
    answers = models.JSONField(default=list)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "due_at"], name="webhook_waiting", condition=IS_WAITING),
            # With only the endpoint, SQLite prefers the index of all deliveries, and reads them all at each claim.
            models.Index(
                fields=["endpoint", "lease_ends_at"], name="webhook_leases", condition=Q(lease_ends_at__isnull=False)
            ),
            models.Index(fields=["endpoint", "-id"], name="webhook_deliveries_of"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "message_id"], name="one_delivery_of_a_message")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.message_id}"
