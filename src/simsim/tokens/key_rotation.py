"""Encrypts stored passwords under the newest key while everything runs."""

import time
from collections.abc import Iterator

from django.db import transaction

from simsim.problem import KeyMissing
from simsim.tokens import sealing_keys
from simsim.tokens.keyring import Keyring
from simsim.tokens.models import Token

BATCH = 100


def outstanding(keyring: Keyring) -> int:
    """Return how many passwords are encrypted under one of the keys that is not the newest; a missing key is none."""
    older = keyring.ids() - {keyring.newest_id()}
    return sum(use.passwords for key, use in sealing_keys.uses().items() if key in older)


def encrypt_anew(keyring: Keyring, *, batch: int = BATCH) -> Iterator[int]:
    """Encrypt each of these passwords under the newest key, and yield after each batch how many it was.

    It may be stopped at any moment and started again: each password can be read before, during and after. Those that
    can't be decrypted stay as they are. A password that is rotated meanwhile is left alone.
    """
    newest = keyring.newest_id()
    rows = Token.objects.exclude(sealed_password=b"").order_by("pk").values_list("pk", "account_id", "sealed_password")
    last = None
    while found := list((rows.filter(pk__gt=last) if last else rows)[:batch]):
        last = found[-1][0]
        sealed_anew = []
        for token_id, account_id, stored in found:
            sealed = bytes(stored)
            if keyring.id_in(sealed) == newest:
                continue
            try:
                secret = keyring.open(sealed, token_id=token_id, account_id=account_id)
            except KeyMissing:
                continue
            sealed_anew.append((token_id, sealed, keyring.seal(secret, token_id=token_id, account_id=account_id)))
        if sealed_anew:
            began = time.monotonic()
            with transaction.atomic():
                done = sum(
                    Token.objects.filter(pk=token_id, sealed_password=old).update(sealed_password=new)
                    for token_id, old, new in sealed_anew
                )
            yield done
            # On SQLite, whoever waits to write asks now and then: without a rest, they could wait until the end.
            time.sleep(time.monotonic() - began)
