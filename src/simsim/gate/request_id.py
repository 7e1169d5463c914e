"""The id that a request's decision and its end share in the log: 32 hexadecimal digits, from any source."""

import os
import re

is_request_id = re.compile(r"[0-9a-f]{32}").fullmatch
# The form that Caddy and Envoy use: a UUID with its dashes.
_spells_one = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}", re.IGNORECASE).fullmatch


def parse_request_id(text: str) -> str | None:
    """Return the id, which a proxy may write with or without dashes, or None for any other text. Never raises."""
    if is_request_id(text):
        return text
    return text.replace("-", "").lower() if _spells_one(text) else None


def new_request_id() -> str:
    return os.urandom(16).hex()
