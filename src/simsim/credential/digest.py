"""The digest of a password: the gate knows only the digest, not the password."""

import hashlib

_DOMAIN = b"simsim-password-v1\0"
_IMPORTED_DOMAIN = b"simsim-imported-v1\0"


def digest(password: str) -> bytes:
    """Return the 32 bytes by which a password is looked up: the SHA-256 of our own prefix and the password.

    A plain hash is enough for a 256-bit random secret (OWASP ASVS 5.0, 6.5.2). Because of the prefix, the same text
    hashed elsewhere has a different digest, and a second scheme can be added later.
    """
    return hashlib.sha256(_DOMAIN + password.encode()).digest()


def sha256_of(password: str) -> bytes:
    """Return the plain SHA-256 of a password, which is what another system may have stored."""
    return hashlib.sha256(password.encode()).digest()


def imported_digest(username: str, sha256: bytes) -> bytes:
    """Return the 32 bytes by which imported credentials are looked up, from the plain SHA-256 of their password.

    The username is part of it, so two accounts may hold the same password, and a username may be any text.
    """
    return hashlib.sha256(_IMPORTED_DOMAIN + sha256 + username.encode()).digest()
