"""Adds the id that an account has in another system, and the time at which an account was closed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        # Both columns are empty in rows that older code inserts. The index is partial, so that SQLite doesn't rebuild
        # the table.
        migrations.AddField(
            "account", "external_id", models.CharField(max_length=200, null=True, verbose_name="external id")
        ),
        migrations.AddField("account", "closed_at", models.DateTimeField(null=True, verbose_name="closed")),
        migrations.AddConstraint(
            "account",
            models.UniqueConstraint(
                condition=models.Q(("external_id__isnull", False)),
                fields=("external_id",),
                name="one_account_of_an_external_id",
            ),
        ),
    ]
