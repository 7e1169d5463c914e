"""The keys in a backup: encrypted with age (https://age-encryption.org) for those whose identity decrypts them."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import pyrage
from django.conf import settings

from simsim.problem import Unusable
from simsim.tokens.keyring import Keyring, key_id


def seal(recipients: Sequence[str]) -> bytes:
    """Return the installation's keys, encrypted to each recipient; raise Unusable for a text that is no recipient.

    The keys are not wrapped: a backup must open where Vault or AWS is lost too.
    """
    operator = settings.OPERATOR
    keys = {"token_keys": [encoded(key) for key in operator.key_ring()], "secret_key": operator.django_secret()}
    sealed: bytes = pyrage.encrypt(json.dumps(keys).encode(), [parse_recipient(text) for text in recipients])
    return sealed


def parse_recipient(text: str) -> object:
    """Return an age recipient, or an SSH public key as one; raise Unusable for another text."""
    kind = pyrage.ssh.Recipient if text.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(text.strip())
    except pyrage.RecipientError:
        raise Unusable(
            "--recipient: this is neither an age recipient (age1…, from age-keygen) nor an SSH public key"
        ) from None


def open_sealed(sealed: bytes, identity: Path) -> dict[str, list[str] | str]:
    """Return the keys `token_keys` and `secret_key`; raise Unusable if the identity does not open them."""
    try:
        text = identity.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable("--identity: %(path)s can't be read", path=str(identity)) from error
    try:
        if "PRIVATE KEY" in text:
            identities = [pyrage.ssh.Identity.from_buffer(text.encode())]
        else:
            lines = [line.strip() for line in text.splitlines()]
            identities = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
        found: dict[str, list[str] | str] = json.loads(pyrage.decrypt(sealed, identities))
    except (pyrage.IdentityError, pyrage.DecryptError, ValueError):
        raise Unusable("--identity: %(path)s does not open the keys in this backup", path=str(identity)) from None
    return found


def keyring_with(sealed: dict[str, list[str] | str]) -> Keyring:
    """Return the available keys, followed by those of the backup."""
    at_hand = settings.OPERATOR.key_ring()
    return Keyring([*at_hand, *(key for key in decoded(sealed) if key not in at_hand)])


def install(sealed: dict[str, list[str] | str]) -> list[Path]:
    """Write the backup's keys into the data directory where they are missing, and return the files.

    Keys that are there stay, before the others. Raises Unusable if the keys are in a setting, which lacks some.
    """
    operator, changed = settings.OPERATOR, []
    ring = keyring_with(sealed).keys
    if missing := ring[len(operator.key_ring()) :]:
        if operator.is_given("token_keys"):
            raise Unusable(
                "SIMSIM_TOKEN_KEYS lacks %(ids)s: add the key again, after the newest",
                ids=", ".join(key_id(key).hex() for key in missing),
            )
        changed.append(operator.keep_keys(ring))
    if not operator.django_secret():
        changed.append(operator.keep_secret_key(str(sealed["secret_key"])))
    settings.SECRET_KEY = operator.django_secret()
    return changed


def decoded(sealed: dict[str, list[str] | str]) -> list[bytes]:
    return [base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in sealed["token_keys"]]


def encoded(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")
