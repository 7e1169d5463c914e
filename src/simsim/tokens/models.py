"""Tokens, their target software, and members' requests for tokens."""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_network
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from simsim.accounts.models import Account, User
from simsim.accounts.name_keys import name_key, search_key
from simsim.credential.allowlist import Network
from simsim.credential.limits import unpack

# Django finds all models here.
from simsim.tokens.imported_credentials import ImportedCredentials  # noqa: F401
from simsim.tokens.incident_models import CreationFreeze  # noqa: F401
from simsim.tokens.policy_models import AccountPolicy, IdleWarning, InstallationPolicy, NoticePolicy  # noqa: F401
from simsim.tokens.quota_models import QuotaNotice  # noqa: F401
from simsim.tokens.token_status import Status as Status  # noqa: PLC0414
from simsim.tokens.token_status import is_paused, status_of

# This means “check at once”. It is also the database's default for a row that older code inserts during an update.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)


class TargetSoftware(models.Model):
    """Software that calls the API. Operators extend the list; a retired entry stays on the tokens that have it (R7)."""

    slug = models.SlugField(_("short name"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=100, unique=True)
    # "" if older code added the entry during an update, or if another entry has the key.
    name_key = models.TextField(default="", db_default="", editable=False)
    retired_at = models.DateTimeField(_("retired"), null=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name_key"], condition=~Q(name_key=""), name="one_software_of_a_name")
        ]

    def __str__(self) -> str:
        return self.name


class RevocationReason(models.TextChoices):
    """Why a token was revoked."""

    NOT_NEEDED = "no_longer_needed", _("No longer needed")
    REPLACED = "replaced", _("Replaced by another token")
    LEAKED = "leaked", _("Leaked, or may have leaked")
    NOT_RECOGNISED = "not_recognised", _("Not recognised")
    OTHER = "other", _("Other")


def pause_in_force(now: datetime) -> Q:
    """Return the condition of tokens whose pause has not been resumed and has not ended by itself."""
    return Q(paused_at__isnull=False) & (Q(paused_until=None) | Q(paused_until__gt=now))


class TokenQuerySet(models.QuerySet["Token"]):
    def active(self, now: datetime) -> Self:
        """Return the tokens that have not ended: they work, or they are paused."""
        return self.filter(revoked_at=None, expires_at__gt=now)

    def ended(self, now: datetime) -> Self:
        return self.exclude(revoked_at=None, expires_at__gt=now)

    def with_status(self, status: Status, now: datetime) -> Self:
        is_paused = pause_in_force(now)
        conditions = {
            Status.ACTIVE: ~is_paused & Q(revoked_at=None, expires_at__gt=now),
            Status.PAUSED: is_paused & Q(revoked_at=None, expires_at__gt=now),
            Status.EXPIRED: Q(revoked_at=None, expires_at__lte=now),
            Status.REVOKED: Q(revoked_at__isnull=False),
        }
        return self.filter(conditions[status])


class Token(models.Model):
    """One application access token of an account (R2).

    The password is stored twice: as a digest that the gate looks up, and encrypted, so that an administrator can read
    it again (R11); `sealed_password` is empty if the password is not kept. `allowlist` is `allowed_networks` packed for
    the gate; the actions keep the two in sync. `limits` are the rules for its requests (B16), one a line, "" for every
    request; `rates` are its rate and quotas (B17). With `report_only`, requests that the networks or the limits would
    refuse are let in and marked in the log. During a rotation's overlap the `previous_…` columns hold the previous
    password. `name_key` makes the name unique; `search_key` is for searches and combines name, description and creator.
    `password_end` holds the last characters of the current password, unless it was imported. Older code leaves these
    three columns empty. The columns of a pause are empty unless the token is paused; a pause that has ended by itself,
    at `paused_until`, leaves them as they are. `next_notice_at` is when the scheduler next checks whether an expiry
    notice is due, or None if no more notices will follow.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="tokens")
    name = models.CharField(_("name"), max_length=200)
    name_key = models.TextField(default="", db_default="", editable=False)
    description = models.TextField(_("description"), blank=True, default="")
    search_key = models.TextField(default="", db_default="", editable=False)
    software = models.ForeignKey(
        TargetSoftware, models.PROTECT, null=True, blank=True, related_name="tokens", verbose_name=_("target software")
    )
    expires_at = models.DateTimeField(_("expires"))
    allowed_networks = models.JSONField(_("allowed networks"), default=list)
    report_only = models.BooleanField(_("report only"), default=False, db_default=False)
    allowlist = models.BinaryField(default=b"")
    limits = models.TextField(_("limits"), blank=True, default="", db_default="")
    rates = models.TextField(_("rate and quota"), blank=True, default="", db_default="")
    digest = models.BinaryField(max_length=32, unique=True)
    sealed_password = models.BinaryField()
    password_end = models.CharField(max_length=4, default="", db_default="", editable=False)
    previous_digest = models.BinaryField(max_length=32, unique=True, null=True)
    previous_works_until = models.DateTimeField(null=True)
    rotated_at = models.DateTimeField(_("rotated"), null=True)
    created_at = models.DateTimeField(_("created"))
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_by_label = models.CharField(max_length=254)
    revoked_at = models.DateTimeField(_("revoked"), null=True)
    revoked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    revoked_by_label = models.CharField(max_length=254, blank=True, default="")
    revocation_reason = models.CharField(max_length=30, choices=RevocationReason.choices, blank=True, default="")
    paused_at = models.DateTimeField(_("paused"), null=True)
    paused_until = models.DateTimeField(_("paused until"), null=True)
    paused_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    paused_by_label = models.CharField(max_length=254, blank=True, default="", db_default="")
    pause_reason = models.CharField(_("reason for the pause"), max_length=200, blank=True, default="", db_default="")
    next_notice_at = models.DateTimeField(null=True, db_default=AT_ONCE)

    objects = TokenQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # Covers the columns that ranking the list reads, in its order: without the last two, each page would fetch
            # and sort every row of the account.
            models.Index(fields=["account", "revoked_at", "expires_at", "id", "created_at"], name="tokens_by_expiry"),
            models.Index(fields=["account", "software"], name="tokens_by_software"),
            models.Index(fields=["account", "expires_at", "id"], name="tokens_in_order"),
            # Without its last two columns, SQLite chooses the first of these indexes, and reads every active token.
            models.Index(fields=["account", "name_key", "revoked_at", "expires_at"], name="tokens_of_a_name"),
            models.Index(fields=["next_notice_at"], name="notices_due", condition=Q(next_notice_at__isnull=False)),
            # Has few rows, and the columns that ranking the list reads of them.
            models.Index(
                fields=["account", "revoked_at", "expires_at", "id", "paused_at", "paused_until"],
                name="paused_tokens",
                condition=Q(paused_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def status(self, now: datetime) -> Status:
        """Return the status at that moment."""
        return status_of(self, now)

    def has_ended(self, now: datetime) -> bool:
        """Whether the token is expired or revoked. A paused token has not ended: it can be edited and resumed."""
        return self.status(now) in {Status.EXPIRED, Status.REVOKED}

    def is_paused(self, now: datetime) -> bool:
        """Whether a pause is in force. It ends at, not after, `paused_until`, as in the gate."""
        return is_paused(self, now)

    def set_keys(self) -> None:
        """Set `name_key` and `search_key` from the texts."""
        self.name_key = name_key(self.name)
        self.search_key = search_key(self.name, self.description, self.created_by_label)

    @property
    def limit_rules(self) -> list[str]:
        """The limits, one text for each; an empty list allows every request."""
        return unpack(self.limits)

    @property
    def rate_rules(self) -> list[str]:
        """The rate and the quotas, one text for each; an empty list allows any number of requests."""
        return self.rates.split("\n") if self.rates else []

    @property
    def is_password_kept(self) -> bool:
        """Whether the password can be shown: not if only its digest was imported, or if a policy keeps none."""
        return bool(self.sealed_password)

    @property
    def networks(self) -> list[Network]:
        return [ip_network(text) for text in self.allowed_networks]


class NoticeClock(models.Model):
    """When the scheduler of notices last checked tokens; in the future if the clock has been set back."""

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True)
    looked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.looked_at}"


class RequestAnswer(models.TextChoices):
    """An administrator's answer to a member's request."""

    GRANTED = "granted", _("Granted")
    DECLINED = "declined", _("Declined")


class TokenRequest(models.Model):
    """A member's request for a token (R3), or an administrator's for the approval of one (B10), and its answer.

    The labels are copies, so they remain when people are removed. `proposal` is None for a member's request; otherwise
    it has the fields of the token that name, purpose and software leave out: see `approval`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="token_requests")
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    asked_by_label = models.CharField(max_length=254)
    name = models.CharField(_("name"), max_length=200)
    purpose = models.TextField(_("purpose"))
    software = models.ForeignKey(
        TargetSoftware, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("target software")
    )
    proposal = models.JSONField(null=True)
    asked_at = models.DateTimeField(_("asked"))
    answered_at = models.DateTimeField(_("answered"), null=True)
    answered_by_label = models.CharField(max_length=254, blank=True, default="")
    answer = models.CharField(max_length=10, choices=RequestAnswer.choices, blank=True, default="")
    token = models.ForeignKey(Token, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "answered_at", "asked_at"], name="requests_of_an_account")]

    def __str__(self) -> str:
        return f"{self.name}, asked for by {self.asked_by_label}"

    @property
    def is_for_approval(self) -> bool:
        """Whether an administrator asks for the approval of another."""
        return self.proposal is not None


class HandOverState(StrEnum):
    WAITING = "waiting"
    USED = "used"
    TAKEN_BACK = "taken_back"
    BLOCKED = "blocked"
    ENDED = "ended"


class HandOver(models.Model):
    """A link that shows a token's credentials once (B14).

    Whoever has the link's secret may use it, or `recipient` after a sign-in: only one of `digest` and `recipient` is
    set. `code` is the hash of a code that is asked for too, "" for none. Only digests are stored.
    """

    MAX_WRONG_CODES: ClassVar = 5

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token = models.ForeignKey(Token, models.CASCADE, related_name="hand_overs")
    digest = models.BinaryField(max_length=32, unique=True, null=True)
    code = models.CharField(max_length=128, blank=True, default="")
    wrong_codes = models.PositiveSmallIntegerField(default=0)
    recipient = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    recipient_label = models.CharField(max_length=254, blank=True, default="")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_by_label = models.CharField(max_length=254)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    used_from = models.CharField(max_length=45, blank=True, default="")
    taken_back_at = models.DateTimeField(null=True)
    taken_back_by_label = models.CharField(max_length=254, blank=True, default="")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["token", "-created_at"], name="hand_overs_of_a_token"),
            models.Index(fields=["expires_at"], name="hand_overs_by_end"),
        ]

    def __str__(self) -> str:
        return f"hand-over of {self.token_id}, by {self.created_by_label}"

    def state(self, now: datetime) -> HandOverState:
        """Return the state at that moment, not considering the token's own."""
        if self.used_at is not None:
            return HandOverState.USED
        if self.taken_back_at is not None:
            return HandOverState.TAKEN_BACK
        if self.wrong_codes >= self.MAX_WRONG_CODES:
            return HandOverState.BLOCKED
        return HandOverState.WAITING if now < self.expires_at else HandOverState.ENDED
