"""Indexes from which the list of tokens is ranked, and the software in use is named, without reading the rows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0006_notices")]
    operations = [
        # Added before the other goes: a server that runs meanwhile always finds one of the two.
        migrations.AddIndex(
            "token",
            models.Index(fields=["account", "revoked_at", "expires_at", "id", "created_at"], name="tokens_by_expiry"),
        ),
        migrations.RemoveIndex("token", "tokens_of_an_account"),
        migrations.AddIndex("token", models.Index(fields=["account", "software"], name="tokens_by_software")),
    ]
