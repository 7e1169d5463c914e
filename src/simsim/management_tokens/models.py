"""Management tokens, and the answers that are kept for requests with an Idempotency-Key."""

import uuid
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_network
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from simsim.accounts.models import Account, User
from simsim.credential.allowlist import Network


class Scope(StrEnum):
    """What a management token may be used for. TOKENS and PEOPLE include READ; OPERATOR and GATE each stand alone.

    GATE opens no API: with it, a node on another host asks the gate (`gate.known_nodes`).
    """

    READ = "read"
    TOKENS = "tokens"
    PEOPLE = "people"
    OPERATOR = "operator"
    GATE = "gate"


class State(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ManagementToken(models.Model):
    """A program's credentials for the management API: the id is the username; of the password only a digest is stored.

    The program acts as `created_by` in `account`. A token with the scope OPERATOR acts as the operator and has no
    account; `created_by` is then the person in whose name it was created, or None. The same holds for GATE.
    `last_used_at` is accurate to a minute, and stays None for GATE, because the gate only reads the database.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, null=True, related_name="management_tokens")
    name = models.CharField(_("name"), max_length=200)
    scopes = models.JSONField(default=list)
    allowed_networks = models.JSONField(_("allowed networks"), default=list)
    digest = models.BinaryField(max_length=32, unique=True)
    password_end = models.CharField(max_length=4)
    expires_at = models.DateTimeField(_("expires"))
    created_at = models.DateTimeField(_("created"))
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_by_label = models.CharField(max_length=254)
    revoked_at = models.DateTimeField(_("revoked"), null=True)
    revoked_by_label = models.CharField(max_length=254, blank=True, default="")
    last_used_at = models.DateTimeField(_("last used"), null=True)
    last_used_address = models.CharField(max_length=45, blank=True, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "created_at"], name="management_tokens_of_account")]

    def __str__(self) -> str:
        return self.name

    @property
    def networks(self) -> list[Network]:
        return [ip_network(text) for text in self.allowed_networks]

    @property
    def granted(self) -> frozenset[Scope]:
        """The scopes, with those that they include."""
        own = {Scope(scope) for scope in self.scopes}
        return frozenset(own | ({Scope.READ} if own & {Scope.TOKENS, Scope.PEOPLE} else set()))

    def state(self, now: datetime) -> State:
        """Return the state at that moment. A token is valid until, not at, its expiry."""
        if self.revoked_at is not None:
            return State.REVOKED
        return State.ACTIVE if now < self.expires_at else State.EXPIRED


class AnsweredRequest(models.Model):
    """A request with an Idempotency-Key, and its answer once there is one; `status` is None while it is under way.

    `client` names who sent it, `fingerprint` is a digest of what they asked for. The answer's body may hold a password,
    so it is encrypted under the operator's keys.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    begun_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    sealed_body = models.BinaryField(default=b"")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["begun_at"], name="answered_requests_by_age")]
        constraints: ClassVar = [models.UniqueConstraint(fields=["client", "key"], name="one_request_of_a_key")]

    def __str__(self) -> str:
        return f"{self.client} {self.key}"
