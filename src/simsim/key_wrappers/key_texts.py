"""How a key is written in a file or a setting: as base64url, or wrapped, after the name of the service that did it."""

import base64
import binascii
from typing import Protocol

from simsim.problem import Unusable

KEY_BYTES = 32
TOKEN_KEYS = "SIMSIM_TOKEN_KEYS"  # noqa: S105 - the name of a setting
VAULT, AWS_KMS = "vault", "aws-kms"
SERVICES = (VAULT, AWS_KMS)


class KeyWrapper(Protocol):
    """Writes a key as text, and reads it back. Both raise Unusable, in one line without any part of a key."""

    def wrap(self, key: bytes) -> str:
        """Return the key as one word without a comma."""

    def unwrap(self, text: str) -> bytes:
        """Return the key that was wrapped."""


class Plain:
    """Wraps nothing: whoever reads the file has the key."""

    def wrap(self, key: bytes) -> str:
        """Return the key in base64url."""
        return base64.urlsafe_b64encode(key).decode().rstrip("=")

    def unwrap(self, text: str) -> bytes:
        """Return the key; raise Unusable unless the text is 32 bytes in base64url."""
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise Unusable("%(name)s: each key is 32 bytes in base64url, separated by commas", name=TOKEN_KEYS)
        return key


def split(text: str) -> list[str]:
    """Return the keys in a list as they are written there, the newest first. Unwraps none.

    Raises Unusable for an empty list, and for a key that is neither plain nor wrapped by a service that we know.
    """
    texts = text.replace(",", " ").split()
    if not texts:
        raise Unusable("%(name)s contains no key: give 32 random bytes in base64url", name=TOKEN_KEYS)
    for each in texts:
        if service(each) not in SERVICES:
            Plain().unwrap(each)
    return texts


def service(text: str) -> str:
    """Return the name of the service that wrapped a key, "" for a plain one."""
    return text.partition(":")[0] if ":" in text else ""
