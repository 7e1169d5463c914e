"""Finds tokens by account, id or password, and returns them as the JSON of the API contract."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.credential.digest import digest
from simsim.problem import NotFound
from simsim.request_log.search.selectors import LastUse, last_uses
from simsim.rfc3339 import format_time
from simsim.tokens.models import Status, Token, TokenQuerySet
from simsim.tokens.token_credentials import own_usernames


def tokens_of(account: Account, *, actor: Actor, status: Status | None, now: datetime) -> TokenQuerySet:
    """Return the account's tokens, those that expire first at the top; raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_TOKENS, account)
    tokens = Token.objects.select_related("software").filter(account=account).order_by("expires_at", "pk")
    return tokens.with_status(status, now) if status else tokens


def find_token(token_id: uuid.UUID | str, *, actor: Actor, account: Account | None = None) -> Token:
    """Return the token with this id, in the account if given; raise NotFound, also for another account's token."""
    try:
        wanted = token_id if isinstance(token_id, uuid.UUID) else uuid.UUID(token_id)
    except ValueError:
        raise NotFound from None
    found = Token.objects.select_related("account", "software").filter(pk=wanted)
    token = (found.filter(account=account) if account else found).first()
    if token is None:
        raise NotFound
    permit(actor, Permission.VIEW_TOKENS, token.account)
    return token


def find_by_password(password: str, *, actor: Actor, account: Account) -> Token | None:
    """Return the account's token that has this password, or had it before its last rotation, or None if there is none.

    A lookup reveals no password, so it is not recorded. Raises NotFound or NotPermitted.
    """
    permit(actor, Permission.MANAGE_TOKENS, account)
    return with_password(password).filter(account=account).first()


def with_password(password: str) -> TokenQuerySet:
    """Return the token of any account that has this password, or had it before its last rotation."""
    return with_digest(digest(password))


def with_digest(wanted: bytes) -> TokenQuerySet:
    """Return the token of any account whose present or previous password has this digest."""
    return Token.objects.filter(Q(digest=wanted) | Q(previous_digest=wanted))


def documents(tokens: Iterable[Token], *, now: datetime) -> list[dict[str, object]]:
    """Return the tokens as the contract's JSON, with the time and address of their last use."""
    listed = list(tokens)
    ids = [token.pk for token in listed]
    uses, usernames = last_uses(ids), own_usernames(ids)
    return [document(token, uses.get(token.pk), username=usernames.get(token.pk), now=now) for token in listed]


def document(token: Token, use: LastUse | None, *, username: str | None = None, now: datetime) -> dict[str, object]:
    """Return a token as the contract's JSON; `username` is the one that it was imported with, if it has one."""
    return {
        "id": str(token.pk),
        "account_id": str(token.account_id),
        "name": token.name,
        "description": token.description,
        "software": token.software.slug if token.software else None,
        "status": token.status(now).value,
        "expires_at": format_time(token.expires_at),
        "allowed_networks": list(token.allowed_networks),
        "limits": token.limit_rules,
        "rates": token.rate_rules,
        "report_only": token.report_only,
        "username": username or str(token.account_id),
        "password_can_be_shown": token.is_password_kept,
        "previous_password_works_until": format_time(overlap_ends(token, now=now)),
        **pause_document(token, now=now),
        "created_at": format_time(token.created_at),
        "created_by": token.created_by_label,
        "revoked_at": format_time(token.revoked_at),
        "revoked_by": token.revoked_by_label or None,
        "revocation_reason": token.revocation_reason or None,
        "last_used_at": format_time(use.at) if use else None,
        "last_used_address": use.address if use else None,
    }


def pause_document(token: Token, *, now: datetime) -> dict[str, object]:
    """Return who paused a token, when, until when and why; each is None unless the token is paused."""
    is_paused = token.status(now) == Status.PAUSED
    return {
        "paused_at": format_time(token.paused_at) if is_paused else None,
        "paused_by": token.paused_by_label if is_paused else None,
        "paused_until": format_time(token.paused_until) if is_paused else None,
        "pause_reason": token.pause_reason or None if is_paused else None,
    }


def overlap_ends(token: Token, *, now: datetime) -> datetime | None:
    """Return when a rotation's overlap ends, or None if it has ended. It goes on while the token is paused."""
    ends = token.previous_works_until
    if ends is None or ends <= now or token.has_ended(now):
        return None
    return min(ends, token.expires_at)
