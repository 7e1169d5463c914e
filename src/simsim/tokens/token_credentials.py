"""The credentials of a token: what its software sends, and what Simsim can show of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db.models import F

from simsim.accounts.permissions import Actor
from simsim.problem import PasswordNotKept, RetrievalLimited
from simsim.tokens.imported_credentials import ImportedCredentials
from simsim.tokens.keyring import Keyring
from simsim.tokens.models import Token
from simsim.tokens.policies import TokenPolicy, policies_of
from simsim.tokens.policy_models import Retrieval

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
    """Return the current credentials; raise PasswordNotKept, or KeyMissing."""
    prove_password_kept(token)
    secret = keyring().open(bytes(token.sealed_password), token_id=token.pk, account_id=token.account_id)
    own = own_usernames([token.pk]).get(token.pk)
    return TokenCredentials(own or str(token.account_id), secret, is_own_username=own is not None)


def prove_password_kept(token: Token) -> None:
    """Raise PasswordNotKept if Simsim has only the digest of the token's password."""
    if not token.is_password_kept:
        raise PasswordNotKept(name=token.name)


def prove_retrievable(token: Token, *, actor: Actor) -> None:
    """Raise RetrievalLimited if the account lets only the creator retrieve the password, and the actor is another."""
    is_creator = actor.user is not None and actor.user.pk == token.created_by_id
    if policies_of(token.account).effective.retrieval == Retrieval.CREATOR and not is_creator:
        raise RetrievalLimited


def seal_password(token: Token, secret: str, policy: TokenPolicy) -> bytes:
    """Return the encrypted form of a password to store, empty if the account's policy keeps no passwords."""
    if policy.retrieval == Retrieval.OFF:
        return b""
    return keyring().seal(secret, token_id=token.pk, account_id=token.account_id)


def own_usernames(token_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the usernames that tokens were imported with and still have, by token."""
    found: dict[UUID, str] = {}
    for begin in range(0, len(token_ids), LOOKED_UP):
        ids = token_ids[begin : begin + LOOKED_UP]
        own = ImportedCredentials.objects.exclude(username="").filter(token_id__in=ids, digest=F("token__digest"))
        found |= dict(own.values_list("token_id", "username"))
    return found
