"""Adds the last characters of each password. `simsim migrate` fills them in later, because that needs the keys."""

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
    dependencies = [("tokens", "0009_notice_clock")]
    operations = [
        # SQLite rebuilds a table to add a column, and can't do that while a view uses the table.
        migrations.RunSQL(DROP, CREATE),
        # The default is set in the database, because older code that still runs during an update inserts rows without
        # this column.
        migrations.AddField(
            "token", "password_end", models.CharField(db_default="", default="", editable=False, max_length=4)
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
