"""Adds the time of the scheduler's last check, so that it can detect a clock that was set back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0008_name_key")]
    operations = [
        migrations.CreateModel(
            name="NoticeClock",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("looked_at", models.DateTimeField()),
            ],
        ),
    ]
