"""Adds an index in the order of the API's pages, and one that finds a name among the active tokens."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0021_quota_notices")]
    operations = [
        migrations.AddIndex("token", models.Index(fields=["account", "expires_at", "id"], name="tokens_in_order")),
        migrations.AddIndex(
            "token",
            models.Index(fields=["account", "name_key", "revoked_at", "expires_at"], name="tokens_of_a_name"),
        ),
    ]
