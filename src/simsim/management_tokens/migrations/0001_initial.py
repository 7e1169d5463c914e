"""Management tokens, and the answers to requests with an Idempotency-Key."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0005_programs_may_rotate"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AnsweredRequest",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("client", models.CharField(max_length=60)),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("begun_at", models.DateTimeField()),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("headers", models.JSONField(default=dict)),
                ("sealed_body", models.BinaryField(default=b"")),
            ],
            options={
                "indexes": [models.Index(fields=["begun_at"], name="answered_requests_by_age")],
                "constraints": [models.UniqueConstraint(fields=("client", "key"), name="one_request_of_a_key")],
            },
        ),
        migrations.CreateModel(
            name="ManagementToken",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("scopes", models.JSONField(default=list)),
                ("allowed_networks", models.JSONField(default=list, verbose_name="allowed networks")),
                ("digest", models.BinaryField(max_length=32, unique=True)),
                ("password_end", models.CharField(max_length=4)),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                ("created_at", models.DateTimeField(verbose_name="created")),
                ("created_by_label", models.CharField(max_length=254)),
                ("revoked_at", models.DateTimeField(null=True, verbose_name="revoked")),
                ("revoked_by_label", models.CharField(blank=True, default="", max_length=254)),
                ("last_used_at", models.DateTimeField(null=True, verbose_name="last used")),
                ("last_used_address", models.CharField(blank=True, default="", max_length=45)),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="management_tokens",
                        to="accounts.account",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["account", "created_at"], name="management_tokens_of_account")],
            },
        ),
    ]
