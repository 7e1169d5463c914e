"""What the audit trail records of a token."""

from datetime import datetime

from simsim.accounts.permissions import Actor
from simsim.audit import recorder
from simsim.audit.events import Event
from simsim.tokens.models import Token


def audited_fields(token: Token) -> dict[str, object]:
    """Return the token's fields that the audit trail records: all except its password."""
    return {
        "name": token.name,
        "description": token.description,
        "software": token.software.slug if token.software else None,
        "expires_at": token.expires_at.isoformat(),
        "allowed_networks": list(token.allowed_networks),
        "limits": token.limit_rules,
        "rates": token.rate_rules,
        "report_only": token.report_only,
    }


def changes_since(before: dict[str, object], token: Token) -> dict[str, object]:
    """Return the changed ones of the token's audited fields, each with its value before and now."""
    return {key: [before[key], value] for key, value in audited_fields(token).items() if value != before[key]}


def record_token_event(actor: Actor, token: Token, event: Event, details: dict[str, object], now: datetime) -> None:
    recorder.record(event, actor=actor, account_id=token.account_id, subject_id=token.pk, details=details, now=now)
