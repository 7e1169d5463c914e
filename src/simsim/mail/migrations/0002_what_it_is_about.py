"""Adds the account and token that an email is about, and the columns that several workers need to deliver emails."""

import re
import uuid

from django.db import migrations, models

ACCOUNT = re.compile(r"/accounts/([0-9a-f-]{36})/")
TOKEN = re.compile(r"^token_created:([0-9a-f-]{36}):")


def tell_what_it_is_about(apps, schema_editor):
    """Take the token from the `dedupe` name of a "token created" email, and the account from the email's link."""
    mails = apps.get_model("mail", "OwedMail").objects.using(schema_editor.connection.alias)
    for mail in mails.only("pk", "dedupe", "facts").iterator():
        account = ACCOUNT.search(str(mail.facts.get("link", "")))
        token = TOKEN.match(mail.dedupe)
        if account or token:
            mails.filter(pk=mail.pk).update(
                account_id=uuid.UUID(account[1]) if account else None, token_id=uuid.UUID(token[1]) if token else None
            )


class Migration(migrations.Migration):
    dependencies = [("mail", "0001_initial")]
    operations = [
        migrations.AddField("owedmail", "account_id", models.UUIDField(null=True)),
        migrations.AddField("owedmail", "token_id", models.UUIDField(null=True)),
        migrations.AddField("owedmail", "lease_ends_at", models.DateTimeField(null=True)),
        migrations.AddField("owedmail", "tried_until", models.DateTimeField(null=True)),
        migrations.RunPython(tell_what_it_is_about, migrations.RunPython.noop),
        migrations.AddIndex(
            "owedmail",
            models.Index(
                fields=["recipient"], name="mail_in_flight", condition=models.Q(("lease_ends_at__isnull", False))
            ),
        ),
        migrations.AddIndex(
            "owedmail",
            models.Index(
                fields=["given_up_at"], name="mail_given_up", condition=models.Q(("given_up_at__isnull", False))
            ),
        ),
        migrations.AddIndex("owedmail", models.Index(fields=["token_id", "owed_at"], name="mail_of_a_token")),
    ]
