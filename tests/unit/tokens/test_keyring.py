"""The encryption of stored passwords."""

import os
import uuid

import pytest

from simsim.problem import KeyMissing
from simsim.tokens.keyring import Keyring

TOKEN, ACCOUNT = uuid.uuid4(), uuid.uuid4()
OLD, NEW = os.urandom(32), os.urandom(32)


@pytest.mark.covers("R11")
def test_newest_key_encrypts_and_every_key_decrypts() -> None:
    sealed = Keyring([OLD]).seal("secret", token_id=TOKEN, account_id=ACCOUNT)
    assert Keyring([NEW, OLD]).open(sealed, token_id=TOKEN, account_id=ACCOUNT) == "secret"
    resealed = Keyring([NEW, OLD]).seal("secret", token_id=TOKEN, account_id=ACCOUNT)
    assert Keyring([NEW]).open(resealed, token_id=TOKEN, account_id=ACCOUNT) == "secret"
    with pytest.raises(KeyMissing):
        Keyring([OLD]).open(resealed, token_id=TOKEN, account_id=ACCOUNT)


@pytest.mark.covers("R11")
def test_sealed_password_can_be_decrypted_only_unchanged_and_in_its_own_row() -> None:
    ring = Keyring([NEW])
    sealed = ring.seal("secret", token_id=TOKEN, account_id=ACCOUNT)
    assert b"secret" not in sealed
    assert ring.seal("secret", token_id=TOKEN, account_id=ACCOUNT) != sealed
    for token, account in ((uuid.uuid4(), ACCOUNT), (TOKEN, uuid.uuid4()), (ACCOUNT, TOKEN)):
        with pytest.raises(KeyMissing):
            ring.open(sealed, token_id=token, account_id=account)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(KeyMissing):
            ring.open(bytes(changed), token_id=TOKEN, account_id=ACCOUNT)
    with pytest.raises(KeyMissing):
        ring.open(b"", token_id=TOKEN, account_id=ACCOUNT)


def test_keys_do_not_appear_in_texts() -> None:
    assert repr(NEW) not in repr(Keyring([NEW]))
