"""Adds indexes for ranking the list of tokens and finding the software in use without reading the rows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0006_notices")]
    operations = [
        # Add this index before removing the other, so that a running server always has one of the two.
        migrations.AddIndex(
            "token",
            models.Index(fields=["account", "revoked_at", "expires_at", "id", "created_at"], name="tokens_by_expiry"),
        ),
        migrations.RemoveIndex("token", "tokens_of_an_account"),
        migrations.AddIndex("token", models.Index(fields=["account", "software"], name="tokens_by_software")),
    ]
