"""The keys that encrypt the passwords in the database: their ids, and how many passwords each encrypts."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import BinaryField, Count, Func, Min, Value
from django.db.models.functions import Coalesce

from simsim.tokens.keyring import KEY_ID_BYTES, VERSION
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


def ids() -> set[str]:
    """Return the ids, in hexadecimal, of the keys that at least one password or secret of a webhook needs."""
    return set(uses()) | set(secrets.key_uses())


def uses() -> dict[str, KeyUse]:
    """Return the use of each key, by its id in hexadecimal."""
    keyed = Token.objects.annotate(key=KEY_ID).order_by().values_list("key")
    found = keyed.annotate(passwords=Count("pk"), oldest_at=Min(Coalesce("rotated_at", "created_at")))
    return {bytes(key).hex(): KeyUse(number, oldest_at) for key, number, oldest_at in found if key}
