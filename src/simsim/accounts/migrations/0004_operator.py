"""Adds since when a person is an operator of the installation; older code leaves it empty."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_name_key")]
    operations = [
        migrations.AddField("user", "operator_since", models.DateTimeField(null=True, verbose_name="operator since")),
    ]
