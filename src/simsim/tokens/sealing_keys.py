"""The ids of the keys that encrypt the passwords in the database."""

from django.db.models import BinaryField, Func, Value

from simsim.tokens.keyring import KEY_ID_BYTES, VERSION
from simsim.tokens.models import Token


def ids() -> set[str]:
    """Return the ids, in hexadecimal, of the keys that at least one password needs."""
    begin = Func(
        "sealed_password", Value(len(VERSION) + 1), Value(KEY_ID_BYTES), function="SUBSTR", output_field=BinaryField()
    )
    found = Token.objects.annotate(key=begin).order_by().values_list("key", flat=True).distinct()
    return {bytes(key).hex() for key in found if key}
