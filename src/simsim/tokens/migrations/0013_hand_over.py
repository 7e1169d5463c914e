"""Adds links that show a token's credentials once."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0012_pause_in_view"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="HandOver",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("digest", models.BinaryField(max_length=32, null=True, unique=True)),
                ("code", models.CharField(blank=True, default="", max_length=128)),
                ("wrong_codes", models.PositiveSmallIntegerField(default=0)),
                ("recipient_label", models.CharField(blank=True, default="", max_length=254)),
                ("created_at", models.DateTimeField()),
                ("created_by_label", models.CharField(max_length=254)),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                ("used_from", models.CharField(blank=True, default="", max_length=45)),
                ("taken_back_at", models.DateTimeField(null=True)),
                ("taken_back_by_label", models.CharField(blank=True, default="", max_length=254)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "recipient",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="hand_overs", to="tokens.token"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["token", "-created_at"], name="hand_overs_of_a_token"),
                    models.Index(fields=["expires_at"], name="hand_overs_by_end"),
                ],
            },
        ),
    ]
