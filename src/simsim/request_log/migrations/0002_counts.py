"""Adds counts of each token's requests per day.

They are updated as rows arrive; this migration counts the existing rows.
"""

from django.db import migrations, models
from django.db.models import Count, Q
from django.db.models.functions import Coalesce, TruncDate


def count_what_is_there(apps, schema_editor):
    alias = schema_editor.connection.alias
    logged, use, day, address_day = (
        apps.get_model("request_log", name).objects.using(alias)
        for name in ("LoggedRequest", "TokenUse", "TokenDay", "TokenAddressDay")
    )
    rows = logged.exclude(token_id=None).annotate(day=TruncDate("received_at"))
    let_in = Count("pk", filter=Q(reason="ok"))
    refused = Count("pk", filter=~Q(reason="ok"))
    days = rows.values_list("token_id", "day").annotate(let_in=let_in, refused=refused).order_by()
    day.bulk_create((day.model(None, *row) for row in days.iterator()), batch_size=200)
    known = rows.filter(reason="ok").annotate(known_address=Coalesce("address", models.Value("")))
    counted = known.values_list("token_id", "day", "known_address").annotate(let_in=Count("pk")).order_by()
    address_day.bulk_create((address_day.model(None, *row) for row in counted.iterator()), batch_size=200)
    for token_id, account_id in rows.values_list("token_id", "account_id").distinct().order_by():
        use.filter(token_id=token_id).update(account_id=account_id)


class Migration(migrations.Migration):
    dependencies = [
        ("request_log", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="TokenAddressDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token_id", models.UUIDField()),
                ("day", models.DateField()),
                ("address", models.CharField(max_length=45)),
                ("accepted", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="TokenDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token_id", models.UUIDField()),
                ("day", models.DateField()),
                ("accepted", models.BigIntegerField()),
                ("refused", models.BigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name="loggedrequest",
            name="via",
            field=models.CharField(max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="tokenuse",
            name="account_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="tokenuse",
            name="previous_used_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="tokenuse",
            index=models.Index(fields=["account_id", "used_at"], name="uses_of_an_account"),
        ),
        migrations.AddIndex(
            model_name="tokenaddressday",
            index=models.Index(fields=["day"], name="token_addresses_by_age"),
        ),
        migrations.AddConstraint(
            model_name="tokenaddressday",
            constraint=models.UniqueConstraint(fields=("token_id", "day", "address"), name="one_count_for_an_address"),
        ),
        migrations.AddIndex(
            model_name="tokenday",
            index=models.Index(fields=["day"], name="token_days_by_age"),
        ),
        migrations.AddConstraint(
            model_name="tokenday",
            constraint=models.UniqueConstraint(fields=("token_id", "day"), name="one_count_for_a_day"),
        ),
        migrations.RunPython(count_what_is_there, migrations.RunPython.noop),
    ]
