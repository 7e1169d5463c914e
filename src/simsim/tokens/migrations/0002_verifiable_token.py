"""Adds the view that the gate reads: each password, with the columns that decide. Contract tests check the columns."""

from django.db import migrations

CREATE = """
CREATE VIEW verifiable_token AS
SELECT digest, id AS token_id, account_id, name, expires_at, revoked_at, allowlist, NULL AS works_until
FROM tokens_token
UNION ALL
SELECT previous_digest, id, account_id, name, expires_at, revoked_at, allowlist, previous_works_until
FROM tokens_token WHERE previous_digest IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("tokens", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, "DROP VIEW verifiable_token")]
