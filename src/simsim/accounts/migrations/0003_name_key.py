"""Adds the key that makes an account's name unique, regardless of case, on both databases."""

from django.db import migrations, models

from simsim.accounts.name_keys import name_key


def give_keys(apps, schema_editor):
    """Give each account its key. If several accounts have the same key, only the oldest one gets it."""
    accounts = apps.get_model("accounts", "Account").objects.using(schema_editor.connection.alias)
    given = set()
    for account in accounts.order_by("created_at", "pk").iterator(chunk_size=500):
        key = name_key(account.name)
        if key not in given:
            given.add(key)
            account.name_key = key
            account.save(update_fields=["name_key"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_account_lifecycle")]
    operations = [
        # The default is set in the database, because older code that still runs during an update inserts rows without
        # this column.
        migrations.AddField("account", "name_key", models.TextField(db_default="", default="", editable=False)),
        migrations.RunPython(give_keys, migrations.RunPython.noop),
        migrations.AddConstraint(
            "account",
            models.UniqueConstraint(
                fields=["name_key"], condition=models.Q(("name_key", ""), _negated=True), name="one_account_of_a_name"
            ),
        ),
    ]
