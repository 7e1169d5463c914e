"""Request targets that hold bytes which no URL may hold."""

import string
from urllib.parse import quote

_PRINTABLE = string.ascii_letters + string.digits + string.punctuation


def printable(target: bytes) -> str:
    """Return the target with each byte that is not printable ASCII as %XX: what a correct client would have sent."""
    return quote(target, safe=_PRINTABLE)
