"""Orders rows by time, partitioned by day on PostgreSQL; stores endpoints by name; counts usage by kind.

Existing rows are stored and counted again, in steps. With many millions of rows, this takes minutes.
"""

import itertools
import re
from collections import Counter
from datetime import UTC, datetime

from django.db import migrations, models
from django.db.models import Q

BITS = 10
A_DAY = 86_400_000_000 << BITS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BOUNDS = [0.001 * 2 ** (number / 2) for number in range(32)]
TOOK = [f"took_{number:02}" for number in range(33)]
STEP = 5000
ID = re.compile(
    r"[0-9]+|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?=[^0-9]*[0-9])[0-9A-Fa-f]{12,}|.{41,}"
).fullmatch
COPIED = [
    "received_at", "account_id", "token_id", "token_name", "method", "resource", "status", "outcome", "reason", "cause",
    "duration_seconds", "bytes", "address", "via",
]  # fmt: skip


class CreatePartitioned(migrations.CreateModel):
    """Creates the table; on PostgreSQL, it is partitioned by its primary key."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            sql, parameters = schema_editor.table_sql(model)
            schema_editor.execute(f"{sql} PARTITION BY RANGE (id)", parameters or None)
            schema_editor.deferred_sql.extend(schema_editor._model_indexes_sql(model))


def endpoint_of(path):
    if not path.startswith("/"):
        return path[:200]
    return ("/" + "/".join("{id}" if ID(part) else part for part in path[1:].split("/")))[:200]


def store_anew(apps, schema_editor):
    alias = schema_editor.connection.alias
    before, logged, endpoints, counts, waiting = (
        apps.get_model("request_log", name).objects.using(alias)
        for name in ("RequestBefore", "LoggedRequest", "Endpoint", "UsageCount", "OpenRequest")
    )
    known, tally, moved = {}, Counter(), {}
    open_rows = set(waiting.exclude(row_id=None).values_list("row_id", flat=True))
    last = -1
    rows = before.order_by("received_at", "pk").iterator(chunk_size=STEP)
    while some := list(itertools.islice(rows, STEP)):
        new = []
        for row in some:
            micros = (row.received_at - EPOCH) // (EPOCH.resolution)
            last = max(last + 1, micros << BITS)
            if row.pk in open_rows:
                moved[row.pk] = last
            name = endpoint_of(row.resource)
            if row.account_id is not None:
                key = row.account_id, name
                if key not in known:
                    known[key] = endpoints.create(account_id=row.account_id, name=name).pk
                count(tally, row, name)
            new.append(
                logged.model(
                    id=last,
                    endpoint_id=known.get((row.account_id, name)),
                    **{each: getattr(row, each) for each in COPIED},
                )
            )
        make_partitions(schema_editor, {row.pk // A_DAY for row in new})
        logged.bulk_create(new, batch_size=40)
    store_counts(counts, tally)
    # Update twice, by way of ids beyond all others, because a new id may be the old id of another row.
    for old, row_id in moved.items():
        waiting.filter(row_id=old).update(row_id=-row_id)
    waiting.filter(row_id__lt=0).update(row_id=-models.F("row_id"))
    days = apps.get_model("request_log", "TokenAddressDay").objects.using(alias)
    uses = apps.get_model("request_log", "TokenUse").objects.using(alias)
    for token_id, account_id in uses.values_list("token_id", "account_id"):
        days.filter(token_id=token_id).update(account_id=account_id)


def count(tally, row, endpoint):
    hour = int(row.received_at.timestamp() // 3600)
    column = "accepted" if row.reason == "ok" else "refused"
    seconds = row.duration_seconds
    took = None if seconds is None else TOOK[sum(bound < seconds for bound in BOUNDS)]
    values = {
        "all": "",
        "status": "" if row.status is None else str(row.status),
        "endpoint": endpoint,
        "token": row.token_id.hex if row.token_id else None,
    }
    for kind, value in values.items():
        for hours in (1, 24) if value is not None else ():
            key = row.account_id, hours, kind, value, hour - hour % hours
            tally[key, column] += 1
            if took:
                tally[key, took] += 1


def store_counts(counts, tally):
    made = {}
    for (key, column), number in tally.items():
        if key not in made:
            account_id, hours, kind, value, began_hour = key
            made[key] = counts.model(
                account_id=account_id, hours=hours, kind=kind, value=value, began_hour=began_hour, accepted=0, refused=0
            )
        setattr(made[key], column, number)
    counts.bulk_create(made.values(), batch_size=20)


def make_partitions(schema_editor, days):
    if schema_editor.connection.vendor != "postgresql":
        return
    table = "request_log_loggedrequest"
    for day in sorted(days):
        name = f"{table}_{datetime.fromtimestamp(day * 86_400, UTC):%Y%m%d}"
        bounds = f"FROM ({day * A_DAY}) TO ({(day + 1) * A_DAY})"
        schema_editor.execute(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES {bounds}")


class Migration(migrations.Migration):
    dependencies = [("request_log", "0003_refusals")]

    operations = [
        migrations.RenameModel("LoggedRequest", "RequestBefore"),
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("account_id", models.UUIDField()),
                ("name", models.CharField(max_length=200)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("account_id", "name"), name="one_endpoint_of_a_name")]
            },
        ),
        CreatePartitioned(
            name="LoggedRequest",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("received_at", models.DateTimeField()),
                ("account_id", models.UUIDField(null=True)),
                ("token_id", models.UUIDField(null=True)),
                ("token_name", models.CharField(max_length=200, null=True)),
                ("method", models.CharField(max_length=32)),
                ("resource", models.CharField(max_length=2048)),
                ("status", models.SmallIntegerField(null=True)),
                ("outcome", models.CharField(max_length=8)),
                ("reason", models.CharField(max_length=32)),
                ("cause", models.CharField(max_length=32)),
                ("duration_seconds", models.FloatField(null=True)),
                ("bytes", models.BigIntegerField(null=True)),
                ("address", models.CharField(max_length=45, null=True)),
                ("via", models.CharField(max_length=200, null=True)),
                ("endpoint_id", models.BigIntegerField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account_id", "id"], name="log_by_account"),
                    models.Index(fields=["token_id", "id"], name="log_by_token"),
                    models.Index(fields=["endpoint_id", "id"], name="log_by_endpoint"),
                    models.Index(fields=["account_id", "status", "id"], name="log_by_status"),
                    models.Index(fields=["account_id", "address", "id"], name="log_by_address"),
                    models.Index(
                        condition=Q(("reason", "ok"), _negated=True), fields=["account_id", "id"], name="log_by_refusal"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("account_id", models.UUIDField()),
                ("hours", models.SmallIntegerField()),
                ("kind", models.CharField(max_length=8)),
                ("value", models.CharField(max_length=200)),
                ("began_hour", models.IntegerField()),
                ("accepted", models.BigIntegerField()),
                ("refused", models.BigIntegerField()),
                *((name, models.BigIntegerField(db_default=0)) for name in TOOK),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["account_id", "hours", "kind", "began_hour", "value", "accepted", "refused"],
                        name="counts_of_an_account",
                    ),
                    models.Index(fields=["hours", "began_hour"], name="counts_by_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account_id", "hours", "kind", "value", "began_hour"), name="one_count_for_a_time"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Flood",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("minute", models.DateTimeField()),
                ("network", models.CharField(max_length=45)),
                ("account", models.CharField(max_length=32)),
                ("stored", models.BigIntegerField()),
                ("counted", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["account", "minute"], name="floods_of_an_account")],
                "constraints": [
                    models.UniqueConstraint(fields=("minute", "network", "account"), name="one_flood_for_a_minute")
                ],
            },
        ),
        migrations.AddField("tokenaddressday", "account_id", models.UUIDField(null=True)),
        migrations.RunPython(store_anew, migrations.RunPython.noop),
        migrations.AddIndex(
            "tokenaddressday", models.Index(fields=["account_id", "address", "day"], name="addresses_of_an_account")
        ),
        migrations.AddIndex(
            "tokenuse", models.Index(fields=["account_id", "used_at", "token_id"], name="uses_by_account")
        ),
        migrations.RemoveIndex("tokenuse", "uses_of_an_account"),
        migrations.DeleteModel("TokenDay"),
        migrations.DeleteModel("RequestBefore"),
    ]
