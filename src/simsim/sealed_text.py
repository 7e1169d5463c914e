"""Encrypts short texts that only Simsim reads again, each under a key of its own purpose (AES-256-GCM, HKDF)."""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12


def seal(text: str, *, secret: str, purpose: str) -> str:
    """Return the text, encrypted, in base64url."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + AESGCM(derived_key(secret, purpose)).encrypt(nonce, text.encode(), None)
    return base64.urlsafe_b64encode(sealed).decode()


def unseal(sealed: str, *, secret: str, purpose: str) -> str | None:
    """Return the text; None if it was sealed with another secret, for another purpose, or not at all."""
    try:
        raw = base64.urlsafe_b64decode(sealed)
        opened = AESGCM(derived_key(secret, purpose)).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None)
    except (ValueError, InvalidTag):
        return None
    return opened.decode()


def derived_key(secret: str, purpose: str) -> bytes:
    """Return the 32 bytes that RFC 5869 derives from the secret for a purpose."""
    return HKDF(SHA256(), 32, salt=None, info=b"simsim:" + purpose.encode()).derive(secret.encode())
