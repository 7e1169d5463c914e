from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("request_log", "0004_time_ordered")]

    operations = [
        migrations.CreateModel(
            name="LogGap",
            fields=[
                ("gap_id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("requests", models.BigIntegerField()),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("found_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["ended_at"], name="log_gaps_by_age")]},
        ),
    ]
