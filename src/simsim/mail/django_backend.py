"""The email backend for Django and allauth (for example a forgotten password): it queues emails and never waits."""

import uuid
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from simsim.mail.outbox import owe


class OwedBackend(BaseEmailBackend):
    """Puts each message into the outbox, one row for each recipient."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Return the number of messages, now in the outbox."""
        for message in email_messages:
            for recipient in message.recipients():
                html = next(
                    (
                        str(part.content)
                        for part in getattr(message, "alternatives", [])
                        if part.mimetype == "text/html"
                    ),
                    "",
                )
                owe(
                    kind="ready_made",
                    recipient=recipient,
                    dedupe=f"ready_made:{uuid.uuid4()}",
                    facts={"subject": str(message.subject), "text": str(message.body), "html": html},
                    now=timezone.now(),
                )
        return len(email_messages)
