"""The time by which the log is deleted, so that a clock which jumps deletes none of it."""

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
