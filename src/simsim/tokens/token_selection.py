"""Choosing the tokens of an account that may be known to a thief, by what they have in common (B18)."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from django.db.models import Q

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.credential import allowlist
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.request_log.search.selectors import LastUse, last_uses
from simsim.request_log.usage.token_use import address_pairs_of
from simsim.rfc3339 import format_time
from simsim.tokens.models import Token

LOOKED_UP = 500
VERSION = ("name", "software_id", "expires_at", "allowed_networks", "limits", "rates", "report_only", "rotated_at",
           "revoked_at", "paused_at", "paused_until")  # fmt: skip


@dataclass(frozen=True)
class TokenFilter:
    """What the chosen tokens have in common; without a condition, every token that has not ended.

    `creator` is an email address, `software` a slug. `allows` is an address that the token lets in; `used_from` is a
    network from which a request was accepted within the log's retention. A token that was never used was last used
    before any time.
    """

    creator: str = ""
    software: str = ""
    allows: str = ""
    used_from: str = ""
    created_before: datetime | None = None
    used_before: datetime | None = None
    used_after: datetime | None = None

    def document(self) -> dict[str, object]:
        """Return the conditions that are set."""
        return {
            name: format_time(value) if isinstance(value, datetime) else value
            for name, value in asdict(self).items() if value
        }  # fmt: skip


@dataclass(frozen=True)
class Selection:
    """The chosen tokens by name, and their last uses; `fingerprint` changes when one of them does."""

    tokens: Sequence[Token]
    uses: dict[uuid.UUID, LastUse]
    fingerprint: str


def select_tokens(account: Account, *, actor: Actor, chosen: TokenFilter, now: datetime) -> Selection:
    """Return the account's tokens that have not ended and meet every condition.

    Raises NotFound or NotPermitted, and Invalid for an address or a network that is none.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    address, network = parse_conditions(chosen)
    conditions = Q(account=account)
    if chosen.creator:
        conditions &= Q(created_by_label__iexact=chosen.creator)
    if chosen.software:
        conditions &= Q(software__slug=chosen.software)
    if chosen.created_before:
        conditions &= Q(created_at__lt=chosen.created_before)
    tokens = list(Token.objects.active(now).filter(conditions).select_related("software").order_by("name", "pk"))
    if address is not None:
        tokens = [token for token in tokens if allows(token, address)]
    if network is not None:
        seen = {pk for pk, text in address_pairs_of(account.pk) if is_within(text, network)}
        tokens = [token for token in tokens if token.pk in seen]
    uses = uses_of(tokens)
    tokens = [token for token in tokens if is_used_then(uses.get(token.pk), chosen)]
    return Selection(tokens, uses, fingerprint_of(tokens))


def parse_conditions(chosen: TokenFilter) -> tuple[allowlist.Network | None, allowlist.Network | None]:
    """Return the address as a network of its own, and the network; raise Invalid."""
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
    for name in ("creator", "software"):
        # PostgreSQL refuses U+0000 in any text.
        if "\0" in getattr(chosen, name):
            errors.append(FieldError(name, gettext_noop("This text has a character that can’t be used.")))
    if errors:
        raise Invalid(*errors)
    return address, None if isinstance(network, allowlist.Fault) else network


def allows(token: Token, address: allowlist.Network) -> bool:
    """Whether the token's networks let the address in; so does a token without any, or one that reports only."""
    networks = token.networks
    return not networks or token.report_only or any(contains(network, address) for network in networks)


def is_within(address: str, network: allowlist.Network) -> bool:
    try:
        return contains(network, ip_network(address))
    except ValueError:
        # The log has an address that no trusted proxy reported.
        return False


def contains(outer: allowlist.Network, inner: allowlist.Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def is_used_then(use: LastUse | None, chosen: TokenFilter) -> bool:
    if chosen.used_after and (use is None or use.at < chosen.used_after):
        return False
    return chosen.used_before is None or use is None or use.at < chosen.used_before


def uses_of(tokens: Sequence[Token]) -> dict[uuid.UUID, LastUse]:
    found: dict[uuid.UUID, LastUse] = {}
    for begin in range(0, len(tokens), LOOKED_UP):
        found |= last_uses([token.pk for token in tokens[begin : begin + LOOKED_UP]])
    return found


def version_of(token: Token) -> str:
    """Return a text that differs after every change of the token that matters for stopping it."""
    return repr([str(token.pk), *(getattr(token, name) for name in VERSION)])


def fingerprint_of(tokens: Sequence[Token]) -> str:
    return hashlib.sha256("\n".join(sorted(map(version_of, tokens))).encode()).hexdigest()[:32]


def document(selection: Selection, now: datetime) -> dict[str, object]:
    """Return the JSON of the API contract."""
    return {
        "count": len(selection.tokens),
        "fingerprint": selection.fingerprint,
        "items": [about(token, selection.uses.get(token.pk), now) for token in selection.tokens],
    }


def about(token: Token, use: LastUse | None, now: datetime) -> dict[str, object]:
    return {
        "id": str(token.pk),
        "name": token.name,
        "status": token.status(now).value,
        "software": token.software.slug if token.software else None,
        "created_by": token.created_by_label,
        "created_at": format_time(token.created_at),
        "last_used_at": format_time(use.at) if use else None,
        "last_used_address": use.address if use else None,
    }
