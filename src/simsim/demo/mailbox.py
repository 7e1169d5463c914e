"""The emails that the demo caught, each in a file."""

import json
import re
import secrets
import time
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from simsim.demo.installation import write_json
from simsim.rfc3339 import format_time

Mail = dict[str, str]
_is_mail_id = re.compile(r"[0-9]{20}-[0-9a-f]{8}").fullmatch


def keep(directory: Path, raw: bytes, recipients: list[str]) -> Mail:
    """Store a received message atomically, and return the stored email."""
    received = message_from_bytes(raw, policy=policy.default)
    # Names sort by time of arrival; the random part distinguishes two from the same nanosecond.
    mail = {
        "id": f"{time.time_ns():020d}-{secrets.token_hex(4)}",
        "to": ", ".join(recipients),
        "subject": str(received["subject"] or ""),
        "text": body(received, "plain"),
        "html": body(received, "html"),
        "message_id": str(received["message-id"] or ""),
        "sent_at": format_time(datetime.now(UTC)),
    }
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(directory / f"{mail['id']}.json", mail)
    return mail


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    # Convert SMTP's line ends.
    return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""


def mails(directory: Path) -> list[Mail]:
    """Return all emails, newest first."""
    return [load(path) for path in sorted(directory.glob("*.json"), reverse=True)]


def find(directory: Path, mail_id: str) -> Mail | None:
    """Return the email with this id, or None if there is none."""
    path = directory / f"{mail_id}.json"
    # The id comes from a URL: only a well-formed id may become part of a path.
    return load(path) if _is_mail_id(mail_id) and path.is_file() else None


def load(path: Path) -> Mail:
    loaded: Mail = json.loads(path.read_text(encoding="utf-8"))
    return loaded
