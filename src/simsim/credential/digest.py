"""The digest of a password, which is all that the gate knows of it."""

import hashlib

_DOMAIN = b"simsim-password-v1\0"


def digest(password: str) -> bytes:
    """Return the 32 bytes under which a password is looked up: SHA-256 of the password after a prefix of our own.

    A plain hash is enough for a 256-bit random secret (OWASP ASVS 5.0, 6.5.2). With the prefix, the same text hashed
    elsewhere has another digest, and a second scheme can follow.
    """
    return hashlib.sha256(_DOMAIN + password.encode()).digest()
