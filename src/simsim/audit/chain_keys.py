"""The keys of the chains: derived from the keys that encrypt passwords, so the database alone can't forge an event.

A key is still needed after its encryption key is retired: it is then kept in the database, encrypted under a key that
is derived from the newest encryption key.
"""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from simsim.audit.models import KeptChainKey

KEY_BYTES, NONCE_BYTES, ID_BYTES = 32, 12, 8


@dataclass(frozen=True)
class ChainKey:
    """A key for HMAC-SHA256; `id` identifies it and reveals nothing about it."""

    id: str
    key: bytes = field(repr=False)


def newest_key() -> ChainKey:
    """Return the key for new events."""
    return derived(tuple(settings.KEYRING.keys))[0]


def all_keys() -> dict[str, bytes]:
    """Return the keys by id: those of the keyring, and those that the database keeps."""
    found = {each.id: each.key for each in derived(tuple(settings.KEYRING.keys))}
    return opened(KeptChainKey.objects.all()) | found


def find_key(key_id: str) -> bytes | None:
    """Return the key with this id, None if it is not at hand."""
    for each in derived(tuple(settings.KEYRING.keys)):
        if each.id == key_id:
            return each.key
    return opened(KeptChainKey.objects.filter(pk=key_id)).get(key_id)


def keep_keys() -> None:
    """Keep every key that is at hand except the newest, encrypted under the newest, for when its origin is retired."""
    newest = newest_key()
    kept = set(KeptChainKey.objects.filter(kept_under=newest.id).values_list("pk", flat=True))
    KeptChainKey.objects.bulk_create(
        [
            KeptChainKey(key_id=key_id, kept_under=newest.id, sealed=sealed(key, key_id))
            for key_id, key in all_keys().items()
            if key_id not in kept | {newest.id}
        ],
        update_conflicts=True,
        unique_fields=["key_id"],
        update_fields=["kept_under", "sealed"],
    )


@lru_cache(maxsize=8)
def derived(secrets: tuple[bytes, ...]) -> tuple[ChainKey, ...]:
    """Return a key for each encryption key, in the same order (HKDF, RFC 5869)."""
    keys = [derive(secret, b"simsim-audit-chain-v1") for secret in secrets]
    return tuple(
        ChainKey(hashlib.sha256(b"simsim-audit-key-id-v1\0" + key).digest()[:ID_BYTES].hex(), key) for key in keys
    )


def derive(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(secret)


def cipher(secret: bytes) -> AESGCM:
    return AESGCM(derive(secret, b"simsim-audit-kept-key-v1"))


def sealed(key: bytes, key_id: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher(settings.KEYRING.keys[0]).encrypt(nonce, key, key_id.encode())


def opened(rows: Iterable[KeptChainKey]) -> dict[str, bytes]:
    """Return the kept keys that a key of the keyring can decrypt."""
    found = {}
    for row in rows:
        for secret in settings.KEYRING.keys:
            with suppress(InvalidTag):
                data = bytes(row.sealed)
                found[row.key_id] = cipher(secret).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], row.key_id.encode())
                break
    return found
