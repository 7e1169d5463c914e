"""What webhooks say about tokens: who did what to which token, without any password."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from simsim.accounts.permissions import Actor
from simsim.rfc3339 import format_time
from simsim.tokens.models import Token, TokenRequest
from simsim.webhooks import occurrences
from simsim.webhooks.event_types import EventType
from simsim.webhooks.occurrences import Occurrence

Data = dict[str, object]


def owe_created(tokens: Sequence[Token], *, now: datetime) -> None:
    """Owe the event that each token was created, by the person who created it."""
    event = EventType.TOKEN_CREATED
    told = occurrences.accounts_told(event, {token.account_id for token in tokens})
    owed = [
        Occurrence(event, token.account_id, about(token, now) | {"actor": token.created_by_label})
        for token in tokens if token.account_id in told
    ]  # fmt: skip
    occurrences.owe(owed, now=now)


def owe_change(
    event: EventType, token: Token, *, actor: Actor, more: Mapping[str, object] | None = None, now: datetime
) -> None:
    """Owe an event about what a person did to a token; `more` is what only this event has."""
    data = about(token, now) | {"actor": actor.label, **(more or {})}
    occurrences.owe([Occurrence(event, token.account_id, data)], now=now)


def owe_changes(
    event: EventType, account_id: uuid.UUID, more: Mapping[uuid.UUID, Data], *, actor: Actor, now: datetime
) -> None:
    """Owe the event of each token that was changed together with others; `more` has what only this event has."""
    # Usually no endpoint wants the event, and the rows need not be read.
    if not occurrences.accounts_told(event, [account_id]):
        return
    tokens = Token.objects.select_related("software").filter(pk__in=more)
    owed = [
        Occurrence(event, account_id, about(token, now) | {"actor": actor.label, **more[token.pk]}) for token in tokens
    ]
    occurrences.owe(owed, now=now)


def owe_expiry(found: Sequence[tuple[Token, EventType, str]], *, now: datetime) -> None:
    """Owe the events of tokens that expire; the last part names the step, such as “7d”. Each is owed once."""
    owed = [
        Occurrence(event, token.account_id, about(token, now), once=f"{token.pk}:{token.expires_at.isoformat()}:{step}")
        for token, event, step in found
    ]
    occurrences.owe(owed, now=now)


def owe_quota(event: EventType, token: Token, quota: Data, *, once: str, now: datetime) -> None:
    """Owe the event that a token has used most of a quota, or all of it; `once` identifies the quota and its period."""
    data = about(token, now) | {"quota": quota}
    occurrences.owe([Occurrence(event, token.account_id, data, once=f"{token.pk}:{once}")], now=now)


def owe_requested(request: TokenRequest, *, now: datetime) -> None:
    """Owe the event that a member asked for a token, or an administrator for the approval of one."""
    data: Data = {
        "account_id": str(request.account_id),
        "request": {
            "id": str(request.pk),
            "name": request.name,
            "purpose": request.purpose,
            "software": request.software.slug if request.software else None,
            "needs_approval": request.is_for_approval,
        },
        "actor": request.asked_by_label,
    }
    occurrences.owe([Occurrence(EventType.TOKEN_REQUESTED, request.account_id, data)], now=now)


def about(token: Token, now: datetime) -> Data:
    """Return the data that every event about a token has."""
    return {
        "account_id": str(token.account_id),
        "token": {
            "id": str(token.pk),
            "name": token.name,
            "description": token.description,
            "software": token.software.slug if token.software else None,
            "status": token.status(now).value,
            "expires_at": format_time(token.expires_at),
            "allowed_networks": list(token.allowed_networks),
            "limits": token.limit_rules,
            "rates": token.rate_rules,
            "report_only": token.report_only,
            "created_at": format_time(token.created_at),
            "created_by": token.created_by_label,
        },
    }
