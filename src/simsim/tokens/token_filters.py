"""What chosen tokens have in common: the conditions of a selection (B18)."""

import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from django.db.models import Q

from simsim.credential import allowlist
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.rfc3339 import format_time
from simsim.tokens.attention import Attention, having_text
from simsim.tokens.models import TokenQuerySet

# A list of more ids is longer than a page of tokens, and than an address in a browser.
MAX_IDS = 1000
STATES = {"paused": Attention.PAUSED, "soon": Attention.EXPIRES_SOON, "unused": Attention.UNUSED}


@dataclass(frozen=True)
class TokenFilter:
    """What the chosen tokens have in common; without a condition, every token that has not ended.

    `creator` is an email address, `software` a slug. `text` finds what the list's search finds; `state` is a key of
    STATES. `allows` is an address that the token lets in; `used_from` is a network from which a request was accepted
    within the log's retention. A token that was never used was last used before any time. `stopped_at` is the exact
    time at which tokens were paused or revoked together. `tokens` are the only ids to choose from, `without` those to
    leave out.
    """

    creator: str = ""
    software: str = ""
    text: str = ""
    state: str = ""
    allows: str = ""
    used_from: str = ""
    created_before: datetime | None = None
    created_after: datetime | None = None
    used_before: datetime | None = None
    used_after: datetime | None = None
    stopped_at: datetime | None = None
    tokens: tuple[uuid.UUID, ...] = ()
    without: tuple[uuid.UUID, ...] = ()

    def document(self) -> dict[str, object]:
        """Return the conditions that are set; of a list of ids, the length."""
        return {name: value_of(value) for name, value in asdict(self).items() if value}


def value_of(value: object) -> object:
    if isinstance(value, datetime):
        return format_time(value)
    return len(value) if isinstance(value, tuple) else value


def parse_ids(name: str, texts: Iterable[str]) -> tuple[uuid.UUID, ...]:
    """Return the ids in the field `name`; raise Invalid."""
    try:
        return tuple(uuid.UUID(text) for text in texts)
    except ValueError:
        raise Invalid(FieldError(name, gettext_noop("This is not the id of a token."))) from None


@dataclass(frozen=True)
class Conditions:
    """A parsed filter: the condition on the table, the address to let in, the network of a use, and the state."""

    rows: Q
    address: allowlist.Network | None
    network: allowlist.Network | None
    state: Attention | None


def parse_filter(chosen: TokenFilter) -> Conditions:
    """Return the conditions; raise Invalid for an address, a network, a state or a text that can't be used."""
    errors = []
    address: allowlist.Network | None = None
    if chosen.allows:
        try:
            address = ip_network(ip_address(chosen.allows.strip()))
        except ValueError:
            errors.append(FieldError("allows", gettext_noop("Give an address such as 203.0.113.9.")))
    network = allowlist.parse_network(chosen.used_from.strip()) if chosen.used_from else None
    if isinstance(network, allowlist.Fault):
        errors.append(FieldError("used_from", network.message, network.params))
    if chosen.state and chosen.state not in STATES:
        errors.append(FieldError("state", gettext_noop("Choose one of the options.")))
    for name in ("creator", "software", "text"):
        # PostgreSQL refuses U+0000 in any text.
        if "\0" in getattr(chosen, name):
            errors.append(FieldError(name, gettext_noop("This text has a character that can’t be used.")))
    for name in ("tokens", "without"):
        if len(getattr(chosen, name)) > MAX_IDS:
            message = gettext_noop("Give at most %(most)s ids, or choose the tokens by what they have in common.")
            errors.append(FieldError(name, message, {"most": f"{MAX_IDS:,}"}))
    if errors or isinstance(network, allowlist.Fault):
        raise Invalid(*errors)
    return Conditions(conditions_on_rows(chosen), address, network, STATES.get(chosen.state))


def conditions_on_rows(chosen: TokenFilter) -> Q:
    found = Q()
    if chosen.creator:
        found &= Q(created_by_label__iexact=chosen.creator.strip())
    if chosen.software:
        found &= Q(software__slug=chosen.software)
    if chosen.created_before:
        found &= Q(created_at__lt=chosen.created_before)
    if chosen.created_after:
        found &= Q(created_at__gte=chosen.created_after)
    if chosen.stopped_at:
        found &= Q(paused_at=chosen.stopped_at) | Q(revoked_at=chosen.stopped_at)
    if chosen.tokens:
        found &= Q(pk__in=chosen.tokens)
    if chosen.without:
        found &= ~Q(pk__in=chosen.without)
    return found


def rows_of(tokens: TokenQuerySet, chosen: TokenFilter, conditions: Conditions) -> TokenQuerySet:
    """Return the tokens that meet the conditions on their own columns."""
    found = tokens.filter(conditions.rows)
    return having_text(found, chosen.text) if chosen.text else found
