from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("request_log", "0008_retention_mark"),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkerNode",
            fields=[
                ("node", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("host", models.CharField(max_length=255)),
                ("started_at", models.DateTimeField()),
                ("round_at", models.DateTimeField()),
                ("boot_id", models.CharField(max_length=36)),
                ("boot_seconds", models.FloatField()),
                ("unshipped_since", models.DateTimeField(null=True)),
                ("failing", models.JSONField(default=list)),
                ("change_id", models.BigIntegerField(null=True)),
                ("change_at", models.DateTimeField(null=True)),
                ("lost_changes_at", models.DateTimeField(null=True)),
                ("lost_changes_until", models.DateTimeField(null=True)),
                ("went_back_to", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="ClockJump",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("node", models.CharField(max_length=32)),
                ("host", models.CharField(max_length=255)),
                ("noticed_at", models.DateTimeField()),
                ("seconds", models.FloatField()),
            ],
            options={
                "indexes": [models.Index(fields=["noticed_at"], name="clock_jumps_by_age")],
            },
        ),
    ]
