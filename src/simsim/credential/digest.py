"""The digest of a password: the gate knows only the digest, not the password."""

import hashlib

_DOMAIN = b"simsim-password-v1\0"


def digest(password: str) -> bytes:
    """Return the 32 bytes by which a password is looked up: the SHA-256 of our own prefix and the password.

    A plain hash is enough for a 256-bit random secret (OWASP ASVS 5.0, 6.5.2). Because of the prefix, the same text
    hashed elsewhere has a different digest, and a second scheme can be added later.
    """
    return hashlib.sha256(_DOMAIN + password.encode()).digest()
