"""Encryption of stored passwords: AES-256-GCM under the operator's keys, bound to the token and its account."""

import hashlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from simsim.problem import KeyMissing

VERSION = b"\x01"
KEY_ID_BYTES = 8
NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.2: 96 random bits; safe for 2^32 passwords under one key


@dataclass(frozen=True)
class Keyring:
    """The keys, newest first: the first encrypts, and each of them decrypts.

    A sealed password is: version, 1 byte; key id, 8; nonce, 12; ciphertext with its tag. The token's and the account's
    ids are associated data: a sealed password that was copied into another row can't be decrypted there.
    """

    keys: Sequence[bytes] = field(repr=False)

    def ids(self) -> set[str]:
        """Return the keys' public ids, in hexadecimal."""
        return {key_id(key).hex() for key in self.keys}

    def newest_id(self) -> str:
        """Return the public id, in hexadecimal, of the key that encrypts."""
        return key_id(self.keys[0]).hex()

    @staticmethod
    def id_in(sealed: bytes) -> str:
        """Return the public id, in hexadecimal, of the key that encrypted the password."""
        return sealed[1:9].hex()

    def seal(self, password: str, *, token_id: uuid.UUID, account_id: uuid.UUID) -> bytes:
        """Return the password, encrypted under the newest key."""
        return self.seal_text(password, bound_to=binding(token_id, account_id))

    def open(self, sealed: bytes, *, token_id: uuid.UUID, account_id: uuid.UUID) -> str:
        """Return the password.

        Raises KeyMissing if its key is not in the keyring, or if the bytes belong to another row.
        """
        return self.open_text(sealed, bound_to=binding(token_id, account_id))

    def seal_text(self, text: str, *, bound_to: bytes) -> bytes:
        """Return any secret text, encrypted under the newest key; `bound_to` names its kind and its row."""
        nonce = os.urandom(NONCE_BYTES)
        key = self.keys[0]
        return VERSION + key_id(key) + nonce + AESGCM(key).encrypt(nonce, text.encode(), bound_to)

    def open_text(self, sealed: bytes, *, bound_to: bytes) -> str:
        """Return the text; raise KeyMissing as `open` does."""
        wanted, nonce, ciphertext = self.id_in(sealed), sealed[9:21], sealed[21:]
        for key in self.keys:
            if sealed[:1] == VERSION and key_id(key).hex() == wanted:
                try:
                    return AESGCM(key).decrypt(nonce, ciphertext, bound_to).decode()
                except InvalidTag:
                    break
        raise KeyMissing(key_id=wanted)


def key_id(key: bytes) -> bytes:
    """Return the public id of a key: it identifies the key and reveals nothing about it."""
    return hashlib.sha256(b"simsim-key-id-v1\0" + key).digest()[:KEY_ID_BYTES]


def binding(token_id: uuid.UUID, account_id: uuid.UUID) -> bytes:
    return b"simsim-password-v1\0" + account_id.bytes + token_id.bytes
