from typing import Any

from django.db import migrations, models


def store_as_they_are(_apps: Any, editor: Any) -> None:
    """Keep PostgreSQL from compressing rows that are deleted a moment later."""
    if editor.connection.vendor == "postgresql":
        editor.execute("ALTER TABLE request_log_owedbatch ALTER COLUMN data SET STORAGE EXTERNAL")


class Migration(migrations.Migration):
    dependencies = [("request_log", "0012_node_counts")]

    operations = [
        migrations.AddField("openrequest", "row", models.TextField(null=True)),
        migrations.CreateModel(
            name="OwedBatch",
            fields=[
                ("batch", models.BigIntegerField(primary_key=True, serialize=False)),
                ("spool", models.CharField(max_length=32)),
                ("rows", models.IntegerField()),
                ("data", models.BinaryField()),
                ("since", models.DateTimeField()),
                ("forwarded_ids", models.JSONField(default=list)),
                ("owed_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["owed_at"], name="log_owed_by_age")]},
        ),
        migrations.RunPython(store_as_they_are, migrations.RunPython.noop),
    ]
