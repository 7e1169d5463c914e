"""Adds the rules for approvals, and the administrators' requests for one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0019_rates")]
    operations = [
        migrations.AddField("accountpolicy", "approval_above_days", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField("installationpolicy", "approval_above_days", models.PositiveSmallIntegerField(null=True)),
        # The default is set in the database, because older code that still runs during an update inserts rows without
        # the column.
        migrations.AddField("accountpolicy", "approval_if_open", models.BooleanField(db_default=False, default=False)),
        migrations.AddField(
            "installationpolicy", "approval_if_open", models.BooleanField(db_default=False, default=False)
        ),
        migrations.AddField("tokenrequest", "proposal", models.JSONField(null=True)),
    ]
