"""The key by which an account's name is unique in any case, on either database."""

from django.db import migrations, models

from simsim.accounts.name_keys import name_key


def give_keys(apps, schema_editor):
    """Give each account its key; where several have one, the oldest: the others go on without."""
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
        # The default is the database's: older code, which runs on during an update, inserts without the column.
        migrations.AddField("account", "name_key", models.TextField(db_default="", default="", editable=False)),
        migrations.RunPython(give_keys, migrations.RunPython.noop),
        migrations.AddConstraint(
            "account",
            models.UniqueConstraint(
                fields=["name_key"], condition=models.Q(("name_key", ""), _negated=True), name="one_account_of_a_name"
            ),
        ),
    ]
