"""The encrypted passwords of tokens: sealed and opened as the account's policies allow."""

from django.conf import settings

from simsim.accounts.permissions import Actor
from simsim.problem import PasswordNotKept, RetrievalLimited
from simsim.tokens.keyring import Keyring
from simsim.tokens.models import Token
from simsim.tokens.policies import policies_of
from simsim.tokens.policy_models import Retrieval

# Stands for a password that is not kept.
NOTHING = b""


def prove_retrievable(token: Token, *, actor: Actor) -> None:
    """Raise RetrievalLimited if the account lets only the creator retrieve the password, and the actor is another."""
    is_creator = actor.user is not None and actor.user.pk == token.created_by_id
    if policies_of(token.account).effective.retrieval == Retrieval.CREATOR and not is_creator:
        raise RetrievalLimited


def is_kept(token: Token) -> bool:
    """Whether the password can be opened again."""
    return bytes(token.sealed_password) != NOTHING


def open_password(token: Token) -> str:
    """Return the token's password; raise PasswordNotKept, or KeyMissing."""
    if not is_kept(token):
        raise PasswordNotKept(name=token.name)
    return keyring().open(bytes(token.sealed_password), token_id=token.pk, account_id=token.account_id)


def seal_password(token: Token, secret: str) -> bytes:
    """Return what is stored of a new password: its encrypted form, or nothing if the policy keeps none."""
    if policies_of(token.account).effective.retrieval == Retrieval.OFF:
        return NOTHING
    return keyring().seal(secret, token_id=token.pk, account_id=token.account_id)


def keyring() -> Keyring:
    ring: Keyring = settings.KEYRING
    return ring
