"""From what the operator types to what it names: an account's id, an email address, a token's id."""

import uuid

from simsim.accounts.models import Account, User, normal_email
from simsim.accounts.permissions import Actor, Permission, actor_of, permit
from simsim.problem import NotFound, gettext_noop
from simsim.tokens.models import Token
from simsim.tokens.selectors import find_token


def find_account(account_id: str, *, actor: Actor) -> Account:
    """Return the account; raise NotFound, in words, when there is none or the actor does not belong to it."""
    wanted = as_uuid(account_id)
    account = Account.objects.filter(pk=wanted).first() if wanted else None
    if account is None:
        raise NotFound(gettext_noop("No account has the id “%(id)s”."), id=account_id)
    try:
        permit(actor, Permission.VIEW_ACCOUNT, account)
    except NotFound:
        raise NotFound(
            gettext_noop("%(email)s does not belong to the account “%(id)s”."), email=actor.label, id=account_id
        ) from None
    return account


def find_actor(email: str) -> Actor:
    """Return the user of that address as an actor; raise NotFound, in words, when there is none."""
    return actor_of(find_user(email))


def find_user(email: str) -> User:
    """Return the user of that address; raise NotFound, in words, when there is none or they are switched off."""
    user = User.objects.filter(email=normal_email(email), is_active=True).first()
    if user is None:
        raise NotFound(gettext_noop("No user has the email address “%(email)s”."), email=email)
    return user


def find_member(email: str, *, account: Account) -> User:
    """Return the user of that address who belongs to the account; raise NotFound, in words, when there is none."""
    user = User.objects.filter(email=normal_email(email), memberships__account=account).first()
    if user is None:
        raise NotFound(gettext_noop("Nobody with the email address “%(email)s” belongs to the account."), email=email)
    return user


def find_token_for(token_id: str, *, actor: Actor) -> Token:
    """Return the token; raise NotFound, in words, when there is none that the actor may know of."""
    try:
        return find_token(token_id, actor=actor)
    except NotFound:
        raise NotFound(gettext_noop("No token has the id “%(id)s”, or it is another account's."), id=token_id) from None


def as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
