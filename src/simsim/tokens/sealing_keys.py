"""The keys that encrypt the passwords in the database: their ids, and how many passwords each encrypts."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import BinaryField, Count, Func, Min, Value
from django.db.models.functions import Coalesce

from simsim.tokens.keyring import KEY_ID_BYTES, VERSION, Keyring, key_id
from simsim.tokens.models import Token
from simsim.webhooks import secrets

KEY_ID = Func(
    "sealed_password", Value(len(VERSION) + 1), Value(KEY_ID_BYTES), function="SUBSTR", output_field=BinaryField()
)


@dataclass(frozen=True)
class KeyUse:
    """How many passwords a key encrypts, and when the oldest of them was encrypted."""

    passwords: int
    oldest_at: datetime


@dataclass(frozen=True)
class KeyState:
    """A key by its id in hexadecimal: whether it encrypts new passwords, whether we have it, and its uses, if any."""

    id: str
    is_primary: bool
    is_at_hand: bool
    use: KeyUse | None
    webhook_secrets: int

    @property
    def is_needed(self) -> bool:
        """Whether something is encrypted with the key."""
        return self.use is not None or self.webhook_secrets > 0


def ids() -> set[str]:
    """Return the ids, in hexadecimal, of the keys that at least one password or secret of a webhook needs."""
    return set(uses()) | set(secrets.key_uses())


def uses() -> dict[str, KeyUse]:
    """Return the use of each key, by its id in hexadecimal."""
    keyed = Token.objects.annotate(key=KEY_ID).order_by().values_list("key")
    found = keyed.annotate(passwords=Count("pk"), oldest_at=Min(Coalesce("rotated_at", "created_at")))
    return {bytes(key).hex(): KeyUse(number, oldest_at) for key, number, oldest_at in found if key}


def inventory(keyring: Keyring) -> list[KeyState]:
    """Return the keys that we have, the one that encrypts new passwords first, and then those that passwords need."""
    used, signing = uses(), secrets.key_uses()
    at_hand = [key_id(key).hex() for key in keyring.keys]
    return [
        KeyState(each, at_hand[:1] == [each], each in at_hand, used.get(each), signing[each])
        for each in dict.fromkeys([*at_hand, *sorted({*used, *signing})])
    ]
