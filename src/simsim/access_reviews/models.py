"""Access reviews, their rows with a decision each, and how often an account is reviewed."""

import uuid
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from simsim.accounts.models import Account, User
from simsim.management_tokens.models import ManagementToken
from simsim.tokens.models import Token

# Between the start of a review and the day on which it is due.
TIME_TO_REVIEW = timedelta(days=30)
REMINDED_BEFORE = timedelta(days=7)


class Interval(models.TextChoices):
    """How often a review starts by itself."""

    OFF = "off", _("Never: administrators start reviews themselves")
    QUARTERLY = "quarterly", _("Every three months")
    HALF_YEARLY = "half_yearly", _("Every six months")
    YEARLY = "yearly", _("Every year")

    @property
    def months(self) -> int:
        """The number of months between two reviews; 0 for OFF."""
        return {Interval.QUARTERLY: 3, Interval.HALF_YEARLY: 6, Interval.YEARLY: 12}.get(self, 0)


class RowKind(StrEnum):
    TOKEN = "token"  # noqa: S105
    MANAGEMENT_TOKEN = "management_token"  # noqa: S105
    PERSON = "person"


class Decision(StrEnum):
    """What was decided. ENDED is written at sign-off for what ended before anybody decided."""

    KEEP = "keep"
    SHORTEN = "shorten"
    REVOKE = "revoke"
    ENDED = "ended"


class AccessReview(models.Model):
    """One review of an account. An account has at most one that is not signed off.

    `fingerprint` is a digest of the whole review, "" before the sign-off. `remind_at` is when the reminder is due, None
    when there is none to send.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="access_reviews")
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    started_by_label = models.CharField(max_length=254)
    due_at = models.DateTimeField()
    remind_at = models.DateTimeField(null=True)
    signed_off_at = models.DateTimeField(null=True)
    signed_off_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    signed_off_by_label = models.CharField(max_length=254, blank=True, default="")
    signed_off_name = models.CharField(max_length=200, blank=True, default="")
    fingerprint = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account"], condition=Q(signed_off_at=None), name="one_open_review")
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "-started_at"], name="reviews_of_an_account"),
            models.Index(fields=["remind_at"], name="reviews_to_remind_of", condition=Q(remind_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"review of {self.account_id}, started {self.started_at:%Y-%m-%d}"


class ReviewRow(models.Model):
    """One token, management token or person as it was when the review started, and what was decided about it.

    `facts` is the rest of the snapshot: see `snapshot`. The three references lead to what can still be acted on; they
    are None once it is gone. `new_expires_at` is set if the decision is to shorten.
    """

    id = models.BigAutoField(primary_key=True)
    review = models.ForeignKey(AccessReview, models.CASCADE, related_name="rows")
    kind = models.CharField(max_length=20)
    subject_id = models.CharField(max_length=60)
    token = models.ForeignKey(Token, models.SET_NULL, null=True, related_name="+")
    management_token = models.ForeignKey(ManagementToken, models.SET_NULL, null=True, related_name="+")
    person = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=254)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    facts = models.JSONField(default=dict)
    decision = models.CharField(max_length=10, blank=True, default="")
    new_expires_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True, default="")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_by_label = models.CharField(max_length=254, blank=True, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["review", "decision", "id"], name="rows_by_decision")]

    def __str__(self) -> str:
        return self.name


class ReviewSchedule(models.Model):
    """How often an account is reviewed, and when the next review starts, None for never."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="review_schedule")
    every = models.CharField(max_length=20, choices=Interval.choices, default=Interval.OFF)
    next_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["next_at"], name="reviews_to_start", condition=Q(next_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"review of {self.account_id}: {self.every}"
