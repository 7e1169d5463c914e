"""The credentials of a token: what its software sends, and what Simsim can show of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db.models import F

from simsim.problem import PasswordUnknown
from simsim.tokens.imported_credentials import ImportedCredentials
from simsim.tokens.keyring import Keyring
from simsim.tokens.models import Token

LOOKED_UP = 500


@dataclass(frozen=True)
class TokenCredentials:
    """The credentials that software sends: username and password.

    The username is the account's id, unless the token was imported with one of its own.
    """

    username: str
    password: str = field(repr=False)
    is_own_username: bool = False


def keyring() -> Keyring:
    ring: Keyring = settings.KEYRING
    return ring


def credentials_of(token: Token) -> TokenCredentials:
    """Return the current credentials. Raises PasswordUnknown if only their digest was imported."""
    prove_password_known(token)
    secret = keyring().open(bytes(token.sealed_password), token_id=token.pk, account_id=token.account_id)
    own = own_usernames([token.pk]).get(token.pk)
    return TokenCredentials(own or str(token.account_id), secret, is_own_username=own is not None)


def prove_password_known(token: Token) -> None:
    """Raise PasswordUnknown if Simsim knows only the digest of the token's password."""
    if not token.is_password_known:
        raise PasswordUnknown(name=token.name)


def own_usernames(token_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the usernames that tokens were imported with and still have, by token."""
    found: dict[UUID, str] = {}
    for begin in range(0, len(token_ids), LOOKED_UP):
        ids = token_ids[begin : begin + LOOKED_UP]
        own = ImportedCredentials.objects.exclude(username="").filter(token_id__in=ids, digest=F("token__digest"))
        found |= dict(own.values_list("token_id", "username"))
    return found
