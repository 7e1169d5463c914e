from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("request_log", "0002_counts")]

    operations = [
        migrations.AddIndex(
            model_name="loggedrequest",
            index=models.Index(
                condition=models.Q(("reason", "ok"), _negated=True),
                fields=["account_id", "-received_at", "-id"],
                name="log_of_refusals",
            ),
        ),
    ]
