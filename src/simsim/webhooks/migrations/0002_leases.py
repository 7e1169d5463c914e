"""Adds the end of the lease to the index of deliveries under way, so that SQLite uses it at each claim."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]
    operations = [
        # Add this index before removing the other, so that a running server always has one of the two.
        migrations.AddIndex(
            "webhookdelivery",
            models.Index(
                condition=models.Q(("lease_ends_at__isnull", False)),
                fields=["endpoint", "lease_ends_at"],
                name="webhook_leases",
            ),
        ),
        migrations.RemoveIndex("webhookdelivery", "webhook_in_flight"),
    ]
