"""The emails that a running product would send."""

import contextlib
import json
import sqlite3
from typing import Any

from simsim.sealed_text import unseal
from stack import Stack


def mailed(stack: Stack, kind: str, recipient: str) -> dict[str, Any]:
    """Return the text of the latest mail of that kind from the outbox, because the tests have no mail server."""
    with contextlib.closing(sqlite3.connect(stack.data / "simsim.sqlite3")) as connection:
        found = connection.execute(
            "SELECT facts FROM mail_owedmail WHERE kind = ? AND recipient = ? ORDER BY id DESC", (kind, recipient)
        ).fetchone()
    facts = json.loads(found[0])
    if isinstance(facts, str):
        # A mail with a link to choose a password is stored encrypted.
        secret = (stack.data / "keys/secret_key").read_text().strip()
        facts = json.loads(unseal(facts, secret=secret, purpose="email") or "{}")
    opened: dict[str, Any] = facts
    return opened
