"""The log's tables. They may lie in a database of their own, so no foreign key leaves them: names are copies."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from simsim.request_log.gaps import LogGap as LogGap  # noqa: PLC0414 - Django looks for models here


class LoggedRequest(models.Model):
    """One request, as the gate decided it and as the gateway saw it end.

    `account_id` is the account that the caller proved or claimed to be, None when it claimed none. `status`,
    `duration_seconds` and `bytes` (of the answer's body) come with the end; a refusal has its status from the start.
    `resource` is the path without its query; `via` names the trusted proxies that `address` was learned through.
    """

    received_at = models.DateTimeField()
    account_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    token_name = models.CharField(max_length=200, null=True)
    method = models.CharField(max_length=32)
    resource = models.CharField(max_length=2048)
    status = models.SmallIntegerField(null=True)
    outcome = models.CharField(max_length=8)
    reason = models.CharField(max_length=32)
    cause = models.CharField(max_length=32)
    duration_seconds = models.FloatField(null=True)
    bytes = models.BigIntegerField(null=True)
    address = models.CharField(max_length=45, null=True)
    via = models.CharField(max_length=200, null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account_id", "-received_at", "-id"], name="log_of_an_account"),
            models.Index(fields=["token_id", "-received_at", "-id"], name="log_of_a_token"),
            models.Index(fields=["received_at", "id"], name="log_by_age"),
            # Of the reason and not of the outcome, which a request's end changes: PostgreSQL could then no longer
            # complete a row in its place, without touching every index.
            models.Index(
                fields=["account_id", "-received_at", "-id"], name="log_of_refusals", condition=~Q(reason="ok")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M:%S} {self.method} {self.resource} {self.outcome}"


class TokenUse(models.Model):
    """When, and from which address, a token last let a request in: outlives the request's row.

    `previous_used_at` is when that was last done with a password that a rotation had replaced.
    """

    token_id = models.UUIDField(primary_key=True)
    account_id = models.UUIDField(null=True)
    used_at = models.DateTimeField()
    address = models.CharField(max_length=45, null=True)
    previous_used_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account_id", "used_at"], name="uses_of_an_account")]

    def __str__(self) -> str:
        return f"{self.token_id}: {self.used_at:%Y-%m-%d %H:%M:%S}"


class TokenDay(models.Model):
    """How many requests came with a token on one day in UTC: let in and refused. Counted as the rows are stored."""

    token_id = models.UUIDField()
    day = models.DateField()
    accepted = models.BigIntegerField()
    refused = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["token_id", "day"], name="one_count_for_a_day")]
        indexes: ClassVar = [models.Index(fields=["day"], name="token_days_by_age")]

    def __str__(self) -> str:
        return f"{self.token_id} on {self.day}: {self.accepted} + {self.refused}"


class TokenAddressDay(models.Model):
    """How many requests a token let in on one day from one address, "" for an unknown one."""

    token_id = models.UUIDField()
    day = models.DateField()
    address = models.CharField(max_length=45)
    accepted = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token_id", "day", "address"], name="one_count_for_an_address")
        ]
        indexes: ClassVar = [models.Index(fields=["day"], name="token_addresses_by_age")]

    def __str__(self) -> str:
        return f"{self.token_id} on {self.day} from {self.address or '?'}: {self.accepted}"


class OpenRequest(models.Model):
    """A request of which one line is still to come.

    Either it was decided and `row_id` is its row, to be completed; or it was `completed`, by a line that waits in its
    spool's name until the gate's lines are read as far as that line's decision must stand.
    """

    request_id = models.CharField(max_length=32, primary_key=True)
    row_id = models.BigIntegerField(null=True)
    is_refused = models.BooleanField(default=False)
    completed = models.TextField(null=True)
    spool = models.CharField(max_length=32)
    opened_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["spool"], name="log_waiting", condition=Q(row_id=None)),
            models.Index(fields=["is_refused", "opened_at"], name="log_open_by_age"),
        ]

    def __str__(self) -> str:
        return self.request_id


class SpoolPosition(models.Model):
    """How far a file of a spool is shipped: `offset` bytes. A file is known by what it begins with, not by its name."""

    identity = models.CharField(max_length=64, primary_key=True)
    name = models.CharField(max_length=255)
    offset = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.offset}"


class SetAsideLine(models.Model):
    """A line that is no line of a log: kept for whoever looks for the reason, with passwords masked, and cut."""

    found_at = models.DateTimeField()
    name = models.CharField(max_length=255)
    offset = models.BigIntegerField()
    text = models.CharField(max_length=2048)

    def __str__(self) -> str:
        return f"{self.name}: {self.offset}"
