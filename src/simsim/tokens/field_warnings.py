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

MAX_NETWORKS_SHOWN = 6
MAX_RANGES_NOTED = 3
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
        "This name looks like “%(other)s”, another active token. Choose a name that can’t be confused with it."
    )
    return [FieldError("name", message, {"other": other})]


def network_cautions(texts: Iterable[str]) -> list[FieldError]:
    """Return notes on what the ranges become, and a warning if the networks together allow everybody.

    Returns nothing for an empty or an invalid list.
    """
    texts = list(texts)
    try:
        networks = rules.parse_networks(texts)
    except Invalid:
        return []
    found = allowlist.whole_families(allowlist.pack(map(ip_network, networks)))
    everybody = [FieldError("allowed_networks", EVERYBODY[tuple(found)])] if found else []
    return [*range_notes(texts), *everybody]


def range_notes(texts: Iterable[str]) -> list[FieldError]:
    """Return a note for each of the first MAX_RANGES_NOTED ranges: the networks that are stored instead of it."""
    notes: list[FieldError] = []
    for text in texts:
        networks = allowlist.parse_range(text.strip())
        if isinstance(networks, list):
            values = {"text": text.strip(), "number": str(len(networks))}
            values["networks"] = ", ".join(map(str, networks[:MAX_NETWORKS_SHOWN]))
            notes.append(FieldError("allowed_networks", becomes(len(networks)), values))
    return notes[:MAX_RANGES_NOTED]


def becomes(number: int) -> str:
    """Return the sentence about a range that becomes this number of networks."""
    if number == 1:
        return gettext_noop("The range %(text)s becomes the network %(networks)s.")
    if number <= MAX_NETWORKS_SHOWN:
        return gettext_noop("The range %(text)s becomes %(number)s networks: %(networks)s.")
    return gettext_noop("The range %(text)s becomes %(number)s networks: %(networks)s and so on.")
