"""The last characters of each password; `simsim migrate` fills them in afterwards, for that takes the keys."""

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
        # The default is the database's: older code, which runs on during an update, inserts without the column.
        migrations.AddField(
            "token", "password_end", models.CharField(db_default="", default="", editable=False, max_length=4)
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
