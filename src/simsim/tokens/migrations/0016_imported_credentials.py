"""Adds the credentials that tokens were imported with, and an index of names."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0015_limits")]
    operations = [
        migrations.CreateModel(
            name="ImportedCredentials",
            fields=[
                (
                    "token",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="imported",
                        serialize=False,
                        to="tokens.token",
                    ),
                ),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("username", models.CharField(default="", max_length=128)),
            ],
        ),
        # An import asks for hundreds of names at a time.
        migrations.AddIndex("token", models.Index(fields=["account", "name_key"], name="tokens_by_name")),
    ]
