"""Handles request targets that contain bytes which are not allowed in a URL."""

import string
from urllib.parse import quote

_PRINTABLE = string.ascii_letters + string.digits + string.punctuation


def printable(target: bytes) -> str:
    """Return the target with each byte that is not printable ASCII as %XX, as a correct client would write it."""
    return quote(target, safe=_PRINTABLE)
