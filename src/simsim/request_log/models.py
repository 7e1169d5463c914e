"""The log's tables. They may be in a separate database, so they have no foreign key to other tables, and copy names."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import connections, models
from django.db.models import Q

from simsim.delivery.rows import ShipmentRow
from simsim.request_log import durations

# Django finds an app's models only in this module.
from simsim.request_log.gaps import LogGap as LogGap  # noqa: PLC0414
from simsim.request_log.node_counts import NodeCount as NodeCount  # noqa: PLC0414
from simsim.request_log.node_totals import NodeTotal as NodeTotal  # noqa: PLC0414
from simsim.request_log.nodes import ClockJump as ClockJump  # noqa: PLC0414
from simsim.request_log.nodes import WorkerNode as WorkerNode  # noqa: PLC0414
from simsim.request_log.owed_batches import OwedBatch as OwedBatch  # noqa: PLC0414

# Stands for the row id of a request that was counted but not stored.
COUNTED_ONLY = 0


def uuid_parameter(value: uuid.UUID) -> Any:
    """Return a UUID in the form that raw SQL on the log's database needs."""
    return value if connections[settings.REQUEST_LOG_ALIAS].vendor == "postgresql" else value.hex


class Endpoint(models.Model):
    """The name under which an account's requests to one endpoint are found and counted: see `endpoints`."""

    account_id = models.UUIDField()
    name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["account_id", "name"], name="one_endpoint_of_a_name")]

    def __str__(self) -> str:
        return self.name


class LoggedRequest(models.Model):
    """One request: the gate's decision, and how the request ended according to the gateway. On PostgreSQL each day is a
    partition.

    `id` contains the time, so every index ends with `id`: see `row_ids`. `account_id` is the account that the caller
    proved or claimed to be, or None. `status`, `duration_seconds` and `bytes` (of the answer's body) are set when the
    request ends, except that a refusal has its status from the start. `resource` is the path without its query, masked;
    `endpoint_id` is an Endpoint's, or None if there is no account; `via` names the trusted proxies that reported
    `address`.
    """

    id = models.BigIntegerField(primary_key=True)
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
    endpoint_id = models.BigIntegerField(null=True)

    class Meta:
        # An index for each filter of the log's page; `search.plan` chooses among them.
        indexes: ClassVar = [
            models.Index(fields=["account_id", "id"], name="log_by_account"),
            models.Index(fields=["token_id", "id"], name="log_by_token"),
            models.Index(fields=["endpoint_id", "id"], name="log_by_endpoint"),
            models.Index(fields=["account_id", "status", "id"], name="log_by_status"),
            models.Index(fields=["account_id", "address", "id"], name="log_by_address"),
            models.Index(fields=["account_id", "id"], name="log_by_refusal", condition=~Q(reason="ok")),
        ]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M:%S} {self.method} {self.resource} {self.outcome}"


class TokenUse(models.Model):
    """When, and from which address, a token last let a request in. This is kept longer than the request's row.

    `previous_used_at` is when that last happened with a password that a rotation had replaced.
    """

    token_id = models.UUIDField(primary_key=True)
    account_id = models.UUIDField(null=True)
    used_at = models.DateTimeField()
    address = models.CharField(max_length=45, null=True)
    previous_used_at = models.DateTimeField(null=True)

    class Meta:
        # The last column lets a query for thousands of rows read only the index.
        indexes: ClassVar = [models.Index(fields=["account_id", "used_at", "token_id"], name="uses_by_account")]

    def __str__(self) -> str:
        return f"{self.token_id}: {self.used_at:%Y-%m-%d %H:%M:%S}"


class UsageCount(models.Model):
    """The number of an account's requests in one period in UTC: accepted, refused, and by duration.

    `kind` and `value` say which requests are counted: see `counts.CountKind`. `began_hour` is in hours since the start
    of 1970; `hours` is the length of the period: see `counts.HOURS`. `took` counts ended requests by duration, in the
    columns `durations.COLUMNS`. The counts grow as rows are stored and completed.
    """

    account_id = models.UUIDField()
    hours = models.SmallIntegerField()
    kind = models.CharField(max_length=8)
    value = models.CharField(max_length=200)
    began_hour = models.IntegerField()
    accepted = models.BigIntegerField()
    refused = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account_id", "hours", "kind", "value", "began_hour"], name="one_count_for_a_time"
            )
        ]
        indexes: ClassVar = [
            # The usage page sums the last columns. Without them in the index, reading the rows takes five times as
            # long.
            models.Index(
                fields=["account_id", "hours", "kind", "began_hour", "value", "accepted", "refused"],
                name="counts_of_an_account",
            ),
            models.Index(fields=["hours", "began_hour"], name="counts_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}: {self.accepted} + {self.refused}"


for _name in durations.COLUMNS:
    UsageCount.add_to_class(_name, models.BigIntegerField(db_default=0))


class TokenAddressDay(models.Model):
    """The number of requests that a token let in on one day from one address; "" is an unknown address."""

    token_id = models.UUIDField()
    account_id = models.UUIDField(null=True)
    day = models.DateField()
    address = models.CharField(max_length=45)
    accepted = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token_id", "day", "address"], name="one_count_for_an_address")
        ]
        indexes: ClassVar = [
            models.Index(fields=["day"], name="token_addresses_by_age"),
            models.Index(fields=["account_id", "address", "day"], name="addresses_of_an_account"),
        ]

    def __str__(self) -> str:
        return f"{self.token_id} on {self.day} from {self.address or '?'}: {self.accepted}"


class Flood(models.Model):
    """The number of refused requests from one network in one minute that claimed one account ("" for none).

    `network` is "" for an unknown address, and for many networks whose requests a gate counted together. `stored`
    requests have a row in the log; the `counted` ones beyond a limit have none: see `floods`.
    """

    minute = models.DateTimeField()
    network = models.CharField(max_length=45)
    account = models.CharField(max_length=32)
    stored = models.BigIntegerField()
    counted = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["minute", "network", "account"], name="one_flood_for_a_minute")
        ]
        indexes: ClassVar = [models.Index(fields=["account", "minute"], name="floods_of_an_account")]

    def __str__(self) -> str:
        return f"{self.network} in {self.minute:%Y-%m-%d %H:%M}: {self.stored} + {self.counted}"


class OpenRequest(models.Model):
    """A request of which one line has not arrived yet.

    If the decision has arrived, `row_id` is the row to complete, or COUNTED_ONLY if the request has no row. If the end
    has arrived, `completed` is its line. It is kept until the gate's lines have been read past the place where the
    decision must be. `row` is the row itself, if the log's rows are in ClickHouse.
    """

    request_id = models.CharField(max_length=32, primary_key=True)
    row_id = models.BigIntegerField(null=True)
    is_refused = models.BooleanField(default=False)
    completed = models.TextField(null=True)
    row = models.TextField(null=True)
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
    """The number of shipped bytes of a spool's file. A file is identified by its beginning, not by its name."""

    identity = models.CharField(max_length=64, primary_key=True)
    name = models.CharField(max_length=255)
    offset = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.offset}"


class SetAsideLine(models.Model):
    """A line that could not be parsed, kept for diagnosis: shortened, with passwords masked."""

    found_at = models.DateTimeField()
    name = models.CharField(max_length=255)
    offset = models.BigIntegerField()
    text = models.CharField(max_length=2048)

    def __str__(self) -> str:
        return f"{self.name}: {self.offset}"


class Shipment(ShipmentRow):
    """The ids of the rows that one batch stored or completed, stored in the transaction of that batch."""

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], name="log_shipments_due"),
            models.Index(fields=["queued_at"], name="log_shipments_by_age"),
        ]


class RetentionMark(models.Model):
    """The latest time that was used to delete old rows; see `retention`.

    Rows with ids below `shortened_to` have no whole address any more: see `address_retention`.
    """

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True)
    at = models.DateTimeField(null=True)
    doubted_since = models.DateTimeField(null=True)
    shortened_to = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.at}"
