"""Adds an account's choice whether programs may rotate their own token."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_operator")]
    operations = [
        # The default is set in the database, because older code that still runs during an update inserts rows without
        # this column.
        migrations.AddField("account", "programs_may_rotate", models.BooleanField(db_default=False, default=False)),
    ]
