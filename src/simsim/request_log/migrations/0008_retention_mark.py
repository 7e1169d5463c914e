"""Adds the time that retention trusts, so that nothing is deleted from the log when the clock jumps."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("request_log", "0007_ten_days")]
    operations = [
        migrations.CreateModel(
            name="RetentionMark",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(null=True)),
                ("doubted_since", models.DateTimeField(null=True)),
            ],
        ),
    ]
