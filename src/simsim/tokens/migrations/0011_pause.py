"""Adds the columns of a pause. The gate sees them with the next migration."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

CREATE = """
CREATE VIEW verifiable_token AS
SELECT digest, id AS token_id, account_id, name, expires_at, revoked_at, allowlist, NULL AS works_until, report_only
FROM tokens_token
UNION ALL
SELECT previous_digest, id, account_id, name, expires_at, revoked_at, allowlist, previous_works_until, report_only
FROM tokens_token WHERE previous_digest IS NOT NULL
"""
DROP = "DROP VIEW verifiable_token"


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("tokens", "0010_password_end"),
    ]
    operations = [
        # SQLite rebuilds a table to add a column, and can't do that while a view uses the table.
        migrations.RunSQL(DROP, CREATE),
        migrations.AddField("token", "paused_at", models.DateTimeField(null=True, verbose_name="paused")),
        migrations.AddField("token", "paused_until", models.DateTimeField(null=True, verbose_name="paused until")),
        migrations.AddField(
            "token",
            "paused_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        # The defaults are set in the database, because older code that still runs during an update inserts rows without
        # these columns.
        migrations.AddField(
            "token", "paused_by_label", models.CharField(blank=True, db_default="", default="", max_length=254)
        ),
        migrations.AddField(
            "token",
            "pause_reason",
            models.CharField(
                blank=True, db_default="", default="", max_length=200, verbose_name="reason for the pause"
            ),
        ),
        migrations.RunSQL(CREATE, DROP),
        migrations.AddIndex(
            "token",
            models.Index(
                fields=["account", "revoked_at", "expires_at", "id", "paused_at", "paused_until"],
                name="paused_tokens",
                condition=models.Q(("paused_at__isnull", False)),
            ),
        ),
    ]
