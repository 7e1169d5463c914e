"""Finds management tokens, and returns them as JSON."""

import uuid
from datetime import datetime

from django.db.models import QuerySet

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.credential.digest import digest
from simsim.management_tokens.actions import permit_management
from simsim.management_tokens.models import ManagementToken
from simsim.problem import NotFound, NotPermitted
from simsim.rfc3339 import format_time


def management_tokens_of(account: Account, *, actor: Actor) -> QuerySet[ManagementToken]:
    """Return the account's management tokens, newest first; raise NotFound or NotPermitted."""
    permit(actor, Permission.VIEW_TOKENS, account)
    return ManagementToken.objects.select_related("created_by").filter(account=account).order_by("-created_at", "pk")


def all_management_tokens(*, actor: Actor) -> QuerySet[ManagementToken]:
    """Return every management token of the installation, newest first. Only the operator may do this."""
    if not actor.is_operator:
        raise NotPermitted
    return ManagementToken.objects.order_by("-created_at", "pk")


def find_management_token(
    token_id: uuid.UUID | str, *, actor: Actor, account: Account | None = None
) -> ManagementToken:
    """Return the token with this id, in the account if given; raise NotFound, also for another account's token."""
    try:
        wanted = token_id if isinstance(token_id, uuid.UUID) else uuid.UUID(token_id)
    except ValueError:
        raise NotFound from None
    found = ManagementToken.objects.select_related("account", "created_by").filter(pk=wanted)
    token = (found.filter(account=account) if account else found).first()
    if token is None:
        raise NotFound
    permit_management(actor, token)
    return token


def document(token: ManagementToken, *, now: datetime) -> dict[str, object]:
    """Return the token as JSON, without its password."""
    return {
        "id": str(token.pk),
        "account_id": str(token.account_id) if token.account_id else None,
        "name": token.name,
        "scopes": token.scopes,
        "status": token.state(now).value,
        "expires_at": format_time(token.expires_at),
        "allowed_networks": token.allowed_networks,
        "created_at": format_time(token.created_at),
        "created_by": token.created_by_label,
        "revoked_at": format_time(token.revoked_at),
        "revoked_by": token.revoked_by_label or None,
        "last_used_at": format_time(token.last_used_at),
        "last_used_address": token.last_used_address or None,
    }


def with_management_password(password: str) -> ManagementToken | None:
    """Return the management token of any account that has this password. The caller holds the password."""
    return ManagementToken.objects.filter(digest=digest(password)).first()
