"""What may be meant and is likely not: told beside the field and after saving, and no reason to refuse."""

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
    """Return what a person should look at in a token as it is stored; raise NotFound or NotPermitted."""
    name = name_caution(token.account, token.name, actor=actor, token=token, now=now)
    return [*name, *network_cautions(token.allowed_networks)]


def name_caution(
    account: Account, name: str, *, actor: Actor, token: Token | None = None, now: datetime
) -> list[FieldError]:
    """Return that the name looks like another active token's; `token` is the one that has it or is to have it."""
    other = lookalike_of(account, name, actor=actor, token=token, now=now)
    if other is None:
        return []
    message = gettext_noop(
        "This looks like “%(other)s”, another active token. Choose a name that nobody mistakes for it."
    )
    return [FieldError("name", message, {"other": other})]


def network_cautions(texts: Iterable[str]) -> list[FieldError]:
    """Return that the networks together allow everybody; nothing of an empty list, which says so, or a wrong one."""
    try:
        networks = rules.parse_networks(texts)
    except Invalid:
        return []
    found = allowlist.whole_families(allowlist.pack(map(ip_network, networks)))
    return [FieldError("allowed_networks", EVERYBODY[tuple(found)])] if found else []
