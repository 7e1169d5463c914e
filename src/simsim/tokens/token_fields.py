"""The fields of a token that is created or imported: what was entered, and the values that it means."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor
from simsim.accounts.texts import parse_line, parse_text
from simsim.credential import allowlist
from simsim.tokens import rules
from simsim.tokens.field_errors import Errors
from simsim.tokens.models import TargetSoftware, Token


@dataclass(frozen=True)
class TokenFields:
    """The fields of a token to create, as a person or program entered them."""

    name: str
    expires: str
    description: str = ""
    software: str | None = None
    allowed_networks: Iterable[str] = ()
    report_only: bool = False
    limits: Iterable[str] = ()


def parse_fields(
    fields: TokenFields,
    errors: Errors,
    *,
    parse_software: Callable[[str | None], TargetSoftware | None] = rules.parse_software,
    parse_expiry: Callable[[str], datetime],
) -> dict[str, Any]:
    """Return the values of a new token's fields; collect the errors of those that break a rule."""
    return {
        "name": errors.collect(lambda: parse_line("name", fields.name)),
        "expires_at": errors.collect(lambda: parse_expiry(fields.expires)),
        "description": errors.collect(lambda: parse_text("description", fields.description)),
        "software": errors.collect(lambda: parse_software(fields.software)),
        "allowed_networks": errors.collect(lambda: rules.parse_networks(fields.allowed_networks)),
        "limits": errors.collect(lambda: rules.parse_limits(fields.limits)),
        "report_only": fields.report_only,
    }


def unsaved_token(values: Mapping[str, Any], *, actor: Actor, account: Account, now: datetime) -> Token:
    """Return a token with these values of its fields, and without a password."""
    token = Token(account=account, created_at=now, created_by=actor.user, created_by_label=actor.label, **values)
    pack_allowlist(token, report_only=token.report_only)
    token.set_keys()
    return token


def pack_allowlist(token: Token, *, report_only: bool) -> None:
    """Pack the networks for the gate. A token that refuses no address and no request can't be report-only."""
    token.allowlist = allowlist.pack(token.networks)
    token.report_only = report_only and bool(token.allowed_networks or token.limits)
