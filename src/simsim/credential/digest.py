"""What the gate knows of a password."""

import hashlib

_DOMAIN = b"simsim-password-v1\0"


def digest(password: str) -> bytes:
    """Return the 32 bytes under which a password is looked up: SHA-256 behind a prefix of our own.

    A plain hash is enough for a 256-bit random secret (OWASP ASVS 5.0, 6.5.2). The prefix keeps a digest from standing
    for the same text hashed elsewhere, and leaves room for a second scheme.
    """
    return hashlib.sha256(_DOMAIN + password.encode()).digest()
