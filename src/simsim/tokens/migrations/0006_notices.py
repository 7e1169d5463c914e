"""Adds the time at which a token is next checked for a notice, and each account's choices about notices."""

from datetime import UTC, datetime

import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone

CREATE = """
CREATE VIEW verifiable_token AS
SELECT digest, id AS token_id, account_id, name, expires_at, revoked_at, allowlist, NULL AS works_until, report_only
FROM tokens_token
UNION ALL
SELECT previous_digest, id, account_id, name, expires_at, revoked_at, allowlist, previous_works_until, report_only
FROM tokens_token WHERE previous_digest IS NOT NULL
"""
DROP = "DROP VIEW verifiable_token"


def leave_the_ended_alone(apps, schema_editor):
    """Send no notices about tokens that ended before this migration."""
    tokens = apps.get_model("tokens", "Token").objects.using(schema_editor.connection.alias)
    ended = models.Q(revoked_at__isnull=False) | models.Q(expires_at__lte=timezone.now())
    tokens.filter(ended).update(next_notice_at=None)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("tokens", "0005_report_only")]
    operations = [
        # SQLite rebuilds a table to add a column, and can't do that while a view uses the table.
        migrations.RunSQL(DROP, CREATE),
        migrations.AddField(
            "token",
            "next_notice_at",
            models.DateTimeField(db_default=datetime(1970, 1, 1, tzinfo=UTC), null=True),
        ),
        migrations.RunSQL(CREATE, DROP),
        migrations.AddIndex(
            "token",
            models.Index(
                fields=["next_notice_at"], name="notices_due", condition=models.Q(("next_notice_at__isnull", False))
            ),
        ),
        migrations.CreateModel(
            name="NoticePolicy",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="notice_policy",
                        serialize=False,
                        to="accounts.account",
                    ),
                ),
                ("audiences", models.JSONField(default=dict)),
                ("early_days", models.JSONField(default=list)),
            ],
        ),
        migrations.RunPython(leave_the_ended_alone, migrations.RunPython.noop),
    ]
