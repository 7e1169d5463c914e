"""Warnings about probable mistakes, shown beside the field and after saving; they never block saving."""

from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_network

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor
from simsim.credential import allowlist
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.tokens import rules
from simsim.tokens.field_errors import lookalike_of
from simsim.tokens.models import Token

EVERYBODY = {
    (4,): gettext_noop("These networks allow everybody who calls over IPv4."),
    (6,): gettext_noop("These networks allow everybody who calls over IPv6."),
    (4, 6): gettext_noop("These networks allow everybody."),
}


def cautions_of(token: Token, *, actor: Actor, now: datetime) -> list[FieldError]:
    """Return the warnings about a stored token; raise NotFound or NotPermitted."""
    name = name_caution(token.account, token.name, actor=actor, token=token, now=now)
    return [*name, *network_cautions(token.allowed_networks)]


def name_caution(
    account: Account, name: str, *, actor: Actor, token: Token | None = None, now: datetime
) -> list[FieldError]:
    """Return a warning when the name looks like another active token's; `token` is the one that gets the name."""
    other = lookalike_of(account, name, actor=actor, token=token, now=now)
    if other is None:
        return []
    message = gettext_noop(
        "This looks like “%(other)s”, another active token. Choose a name that nobody mistakes for it."
    )
    return [FieldError("name", message, {"other": other})]


def network_cautions(texts: Iterable[str]) -> list[FieldError]:
    """Return a warning when the networks together allow everybody; none for an empty or an invalid list."""
    try:
        networks = rules.parse_networks(texts)
    except Invalid:
        return []
    found = allowlist.whole_families(allowlist.pack(map(ip_network, networks)))
    return [FieldError("allowed_networks", EVERYBODY[tuple(found)])] if found else []
