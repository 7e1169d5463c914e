"""Adds the keys that make names unique and texts searchable, regardless of case, on both databases."""

from django.db import migrations, models

from simsim.accounts.name_keys import name_key, search_key

CREATE = """
CREATE VIEW verifiable_token AS
SELECT digest, id AS token_id, account_id, name, expires_at, revoked_at, allowlist, NULL AS works_until, report_only
FROM tokens_token
UNION ALL
SELECT previous_digest, id, account_id, name, expires_at, revoked_at, allowlist, previous_works_until, report_only
FROM tokens_token WHERE previous_digest IS NOT NULL
"""
DROP = "DROP VIEW verifiable_token"
BATCH = 1_000


def give_keys(apps, schema_editor):
    """Give each row its keys. If several entries of the catalogue have the same key, only the first gets it."""
    alias = schema_editor.connection.alias
    given = set()
    for entry in apps.get_model("tokens", "TargetSoftware").objects.using(alias).order_by("pk"):
        key = name_key(entry.name)
        if key not in given:
            given.add(key)
            entry.name_key = key
            entry.save(update_fields=["name_key"])
    tokens = apps.get_model("tokens", "Token").objects.using(alias)
    texts = tokens.order_by("pk").values_list("name", "description", "created_by_label", "pk")
    with schema_editor.connection.cursor() as cursor:
        last = None
        while rows := list((texts.filter(pk__gt=last) if last else texts)[:BATCH]):
            last = rows[-1][-1]
            pk = tokens.model._meta.pk
            cursor.executemany(
                "UPDATE tokens_token SET name_key = %s, search_key = %s WHERE id = %s",
                [
                    (name_key(name), search_key(name, *more), pk.get_db_prep_value(token, schema_editor.connection))
                    for name, *more, token in rows
                ],
            )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_name_key"), ("tokens", "0007_quick_list")]
    operations = [
        # SQLite rebuilds a table to add a column, and can't do that while a view uses the table.
        migrations.RunSQL(DROP, CREATE),
        # The defaults are set in the database, because older code that still runs during an update inserts rows without
        # these columns.
        migrations.AddField("token", "name_key", models.TextField(db_default="", default="", editable=False)),
        migrations.AddField("token", "search_key", models.TextField(db_default="", default="", editable=False)),
        migrations.RunSQL(CREATE, DROP),
        migrations.AddField("targetsoftware", "name_key", models.TextField(db_default="", default="", editable=False)),
        migrations.RunPython(give_keys, migrations.RunPython.noop),
        migrations.AddConstraint(
            "targetsoftware",
            models.UniqueConstraint(
                fields=["name_key"], condition=models.Q(("name_key", ""), _negated=True), name="one_software_of_a_name"
            ),
        ),
    ]
