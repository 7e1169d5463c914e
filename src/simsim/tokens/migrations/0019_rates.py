"""Adds the rate and the quotas of tokens, and shows them to the gate in its view."""

from django.db import migrations, models

# The gate reads columns by name, so a gate of an older version keeps working with the new view.
CREATE = """
CREATE VIEW verifiable_token AS
SELECT digest, id AS token_id, account_id, name, expires_at, revoked_at, allowlist, NULL AS works_until, report_only,
    paused_at, paused_until, limits, rates
FROM tokens_token
UNION ALL
SELECT previous_digest, id, account_id, name, expires_at, revoked_at, allowlist, previous_works_until, report_only,
    paused_at, paused_until, limits, rates
FROM tokens_token WHERE previous_digest IS NOT NULL
"""
CREATE_BEFORE = """
CREATE VIEW verifiable_token AS
SELECT digest, id AS token_id, account_id, name, expires_at, revoked_at, allowlist, NULL AS works_until, report_only,
    paused_at, paused_until, limits
FROM tokens_token
UNION ALL
SELECT previous_digest, id, account_id, name, expires_at, revoked_at, allowlist, previous_works_until, report_only,
    paused_at, paused_until, limits
FROM tokens_token WHERE previous_digest IS NOT NULL
"""
DROP = "DROP VIEW verifiable_token"


class Migration(migrations.Migration):
    dependencies = [("tokens", "0018_creation_freeze")]
    operations = [
        # SQLite rebuilds a table to add a column, and can't do that while a view uses the table.
        migrations.RunSQL(DROP, CREATE_BEFORE),
        migrations.AddField(
            model_name="token",
            name="rates",
            field=models.TextField(blank=True, db_default="", default="", verbose_name="rate and quota"),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
