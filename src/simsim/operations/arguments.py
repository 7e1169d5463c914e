"""Finds the accounts, users, tokens and webhooks that the operator's arguments name."""

import uuid

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from simsim.access_reviews.models import AccessReview
from simsim.access_reviews.selectors import find_review
from simsim.accounts.models import Account, User, normal_email
from simsim.accounts.password_rules import KnownWordsDontCount
from simsim.accounts.permissions import Actor, Permission, actor_of, permit
from simsim.problem import FieldError, Invalid, NotFound, gettext_noop
from simsim.tokens.models import Token
from simsim.tokens.selectors import find_token
from simsim.webhooks.models import WebhookDelivery, WebhookEndpoint
from simsim.webhooks.selectors import find_delivery, find_endpoint


def find_account(account_id: str, *, actor: Actor) -> Account:
    """Return the account; raise NotFound, with a sentence, if it does not exist or is not the actor's."""
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
    """Return the user of that address as an actor; raise NotFound, with a sentence, if there is no such user."""
    return actor_of(find_user(email))


def find_user(email: str) -> User:
    """Return the user of that address; raise NotFound, with a sentence, if there is no such active user."""
    user = User.objects.filter(email=normal_email(email), is_active=True).first()
    if user is None:
        raise NotFound(gettext_noop("No user has the email address “%(email)s”."), email=email)
    return user


def find_member(email: str, *, account: Account) -> User:
    """Return the account's user of that address; raise NotFound, with a sentence, if there is no such user."""
    user = User.objects.filter(email=normal_email(email), memberships__account=account).first()
    if user is None:
        raise NotFound(gettext_noop("Nobody with the email address “%(email)s” belongs to the account."), email=email)
    return user


def find_token_for(token_id: str, *, actor: Actor) -> Token:
    """Return the token; raise NotFound, with a sentence, if the actor may see no such token."""
    try:
        return find_token(token_id, actor=actor)
    except NotFound:
        raise NotFound(
            gettext_noop("No token has the id “%(id)s”, or it belongs to another account."), id=token_id
        ) from None


def find_review_for(review_id: str, *, actor: Actor) -> AccessReview:
    """Return the access review; raise NotFound, with a sentence, if the actor may see no such review."""
    try:
        return find_review(review_id, actor=actor)
    except NotFound:
        raise NotFound(
            gettext_noop("No access review has the id “%(id)s”, or it belongs to another account."), id=review_id
        ) from None


def find_webhook_for(webhook_id: str, *, actor: Actor) -> WebhookEndpoint:
    """Return the webhook; raise NotFound, with a sentence, if the actor may see no such webhook."""
    try:
        return find_endpoint(webhook_id, actor=actor)
    except NotFound:
        raise NotFound(
            gettext_noop("No webhook has the id “%(id)s”, or it belongs to another account."), id=webhook_id
        ) from None


def find_delivery_for(delivery_id: str, *, actor: Actor) -> WebhookDelivery:
    """Return the delivery; raise NotFound, with a sentence, if the actor may see no such delivery."""
    try:
        return find_delivery(delivery_id, actor=actor)
    except NotFound:
        raise NotFound(
            gettext_noop("No delivery has the id “%(id)s”, or it belongs to another account."), id=delivery_id
        ) from None


def prove_password(email: str, password: str, *, user: User | None = None, account: Account | None = None) -> str:
    """Return the password; raise Invalid if it breaks a rule for user passwords.

    A new user is not stored yet, and belongs to no account: `account` is the one that they will belong to.
    """
    user = user or User(email=normal_email(email))
    try:
        validate_password(password, user)
        KnownWordsDontCount(names=[account.name] if account else []).validate(password, user)
    except ValidationError as error:
        raise Invalid(FieldError("password", " ".join(error.messages).replace("%", "%%"))) from None
    return password


def as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
