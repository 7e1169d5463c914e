"""The time at which the scheduler of notices last did something, so that it notices a clock that has run back."""

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
