"""The secrets that sign webhooks: random, shown once, and sealed with the keys that seal passwords."""

import base64
import contextlib
import os
import uuid
from collections import Counter
from datetime import datetime
from typing import Protocol

from django.conf import settings

from simsim.delivery.signed_post import SECRET_PREFIX, parse_secret
from simsim.problem import KeyMissing
from simsim.webhooks.models import WebhookEndpoint

SECRET_BYTES = 32
KEY_ID = slice(1, 9)  # see `tokens.keyring`


class TextSealer(Protocol):
    """The keyring, as far as secrets need it."""

    def seal_text(self, text: str, *, bound_to: bytes) -> bytes: ...
    def open_text(self, sealed: bytes, *, bound_to: bytes) -> str: ...
    def newest_id(self) -> str: ...


def new_secret() -> str:
    """Return a new secret, in the form of the Standard Webhooks specification."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode()


def seal(secret: str, *, endpoint_id: uuid.UUID, account_id: uuid.UUID) -> bytes:
    return _keyring().seal_text(secret, bound_to=_binding(endpoint_id, account_id))


def signing_secrets(endpoint: WebhookEndpoint, now: datetime) -> list[bytes]:
    """Return the secrets that sign now, the newest first; raise KeyMissing if their key is not in the keyring."""
    sealed = [endpoint.sealed_secret]
    until = endpoint.previous_works_until
    if endpoint.sealed_previous is not None and until is not None and now < until:
        sealed.append(endpoint.sealed_previous)
    bound_to = _binding(endpoint.pk, endpoint.account_id)
    texts = [_keyring().open_text(bytes(each), bound_to=bound_to) for each in sealed]
    return [secret for text in texts if (secret := parse_secret(text))]


def key_uses() -> "Counter[str]":
    """Return how many secrets each key seals, by the key's id in hexadecimal."""
    pairs = WebhookEndpoint.objects.values_list("sealed_secret", "sealed_previous")
    return Counter(bytes(sealed)[KEY_ID].hex() for pair in pairs for sealed in pair if sealed)


def encrypt_anew(keyring: TextSealer) -> None:
    """Encrypt each secret under the newest key; one whose key is missing stays as it is.

    There are few, so this takes one short step for each. A secret that is rotated meanwhile is left alone.
    """
    for endpoint in WebhookEndpoint.objects.only("account_id", "sealed_secret", "sealed_previous").iterator():
        bound_to = _binding(endpoint.pk, endpoint.account_id)
        for column in ("sealed_secret", "sealed_previous"):
            sealed = bytes(getattr(endpoint, column) or b"")
            if not sealed or sealed[KEY_ID].hex() == keyring.newest_id():
                continue
            with contextlib.suppress(KeyMissing):
                anew = keyring.seal_text(keyring.open_text(sealed, bound_to=bound_to), bound_to=bound_to)
                WebhookEndpoint.objects.filter(pk=endpoint.pk, **{column: sealed}).update(**{column: anew})


def _binding(endpoint_id: uuid.UUID, account_id: uuid.UUID) -> bytes:
    # A sealed secret that was copied into another row can't be opened there.
    return b"simsim-webhook-v1\0" + account_id.bytes + endpoint_id.bytes


def _keyring() -> TextSealer:
    ring: TextSealer = settings.KEYRING
    return ring
