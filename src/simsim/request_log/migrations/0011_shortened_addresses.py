from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("request_log", "0010_node_totals"),
    ]

    operations = [
        migrations.AddField(model_name="retentionmark", name="shortened_to", field=models.BigIntegerField(null=True)),
    ]
