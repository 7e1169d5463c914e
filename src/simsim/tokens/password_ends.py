"""Fills in the last characters of passwords that older code created, before or during an update."""

from django.db import transaction
from django.db.models import F, Q

from simsim.credential import password
from simsim.problem import KeyMissing
from simsim.tokens.keyring import Keyring
from simsim.tokens.models import Token

BATCH = 1_000


def fill_in(keyring: Keyring, *, batch: int = BATCH) -> int:
    """Set the missing and outdated last characters of passwords, and return how many tokens were changed.

    A token whose key is missing is left as it is. It is safe to repeat this, and to run it while people rotate tokens.
    """
    # Older code that still runs during an update rotates without setting the column, so its tokens are checked every
    # time.
    own = Token.objects.exclude(imported__digest=F("digest")).exclude(sealed_password=b"")
    unsure = own.filter(Q(password_end="") | Q(rotated_at__isnull=False)).order_by("pk")
    rows = unsure.values_list("pk", "account_id", "sealed_password", "password_end")
    changed, last = 0, None
    while found := list((rows.filter(pk__gt=last) if last else rows)[:batch]):
        last = found[-1][0]
        with transaction.atomic():
            for token_id, account_id, sealed, known in found:
                try:
                    secret = keyring.open(bytes(sealed), token_id=token_id, account_id=account_id)
                except KeyMissing:
                    continue
                if (end := password.end_of(secret)) != known:
                    # Update only if the row still has this password: a rotation in the meantime has already set the new
                    # last characters.
                    same = Token.objects.filter(pk=token_id, sealed_password=bytes(sealed))
                    changed += same.update(password_end=end)
    return changed
