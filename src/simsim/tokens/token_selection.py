"""Choosing the tokens of an account that may be known to a thief, by what they have in common (B18)."""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from typing import NamedTuple

from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.credential import allowlist
from simsim.request_log.search.selectors import LastUse, last_uses
from simsim.request_log.usage.token_use import address_pairs_of
from simsim.rfc3339 import format_time
from simsim.tokens.attention import attention_of
from simsim.tokens.models import TargetSoftware, Token, TokenQuerySet
from simsim.tokens.token_filters import Conditions, TokenFilter, parse_filter, rows_of
from simsim.tokens.token_status import Status, status_of


class SelectedToken(NamedTuple):
    """The columns of a token that a selection needs: objects of the model would take three times as long.

    All but the last two make the version of the token: a selection is another one if one of them differs.
    """

    pk: uuid.UUID
    name: str
    software_id: int | None
    expires_at: datetime
    allowed_networks: list[str]
    limits: str
    rates: str
    report_only: bool
    rotated_at: datetime | None
    revoked_at: datetime | None
    paused_at: datetime | None
    paused_until: datetime | None
    created_by_label: str
    created_at: datetime

    @property
    def version(self) -> tuple[object, ...]:
        return self[:-2]

    def status(self, now: datetime) -> Status:
        return status_of(self, now)


@dataclass(frozen=True)
class Selection:
    """The chosen tokens by name, and their last uses; `fingerprint` changes when one of them does."""

    tokens: Sequence[SelectedToken]
    uses: dict[uuid.UUID, LastUse]
    fingerprint: str


def select_tokens(
    account: Account, *, actor: Actor, chosen: TokenFilter, with_ended: bool = False, now: datetime
) -> Selection:
    """Return the account's tokens that meet every condition and have not ended; the others too with `with_ended`.

    Raises NotFound or NotPermitted, and Invalid for a condition that can't be used.
    """
    permit(actor, Permission.VIEW_TOKENS, account)
    conditions = parse_filter(chosen)
    rows = Token.objects.filter(account=account)
    rows = rows_of(rows if with_ended else rows.active(now), chosen, conditions)
    tokens = selected(rows.order_by("name", "pk"))
    if conditions.address is not None:
        address = conditions.address
        tokens = [token for token in tokens if allows(token, address)]
    if conditions.network is not None:
        network = conditions.network
        seen = {pk for pk, text in address_pairs_of(account.pk) if is_within(text, network)}
        tokens = [token for token in tokens if token.pk in seen]
    uses = last_uses(token.pk for token in tokens)
    tokens = [token for token in tokens if is_used_then(token, uses.get(token.pk), chosen, conditions, now)]
    return Selection(tokens, uses, fingerprint_of(tokens))


def selected(rows: TokenQuerySet) -> list[SelectedToken]:
    """Return the columns of the tokens, in the order of the rows."""
    return list(map(SelectedToken._make, rows.values_list(*SelectedToken._fields)))


def allows(token: SelectedToken, address: allowlist.Network) -> bool:
    """Whether the token's networks let the address in; so does a token without any, or one that reports only."""
    networks = map(ip_network, token.allowed_networks)
    return not token.allowed_networks or token.report_only or any(contains(network, address) for network in networks)


def is_within(address: str, network: allowlist.Network) -> bool:
    try:
        return contains(network, ip_network(address))
    except ValueError:
        # The log has an address that no trusted proxy reported.
        return False


def contains(outer: allowlist.Network, inner: allowlist.Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def is_used_then(
    token: SelectedToken, use: LastUse | None, chosen: TokenFilter, conditions: Conditions, now: datetime
) -> bool:
    """Whether the token's last use meets the conditions on it."""
    if chosen.used_after and (use is None or use.at < chosen.used_after):
        return False
    if chosen.used_before and use is not None and use.at >= chosen.used_before:
        return False
    return conditions.state is None or attention_of(token, use, now) == conditions.state


def fingerprint_of(tokens: Iterable[SelectedToken]) -> str:
    # Not repr(): that of a time takes as long as all other columns.
    versions = sorted("\0".join(map(str, token.version)) for token in tokens)
    return hashlib.sha256("\0\n".join(versions).encode()).hexdigest()[:32]


def document(selection: Selection, now: datetime) -> dict[str, object]:
    """Return the JSON of the API contract."""
    slugs = dict(TargetSoftware.objects.values_list("pk", "slug"))
    return {
        "count": len(selection.tokens),
        "fingerprint": selection.fingerprint,
        "items": [about(token, selection.uses.get(token.pk), slugs, now) for token in selection.tokens],
    }


def about(token: SelectedToken, use: LastUse | None, slugs: dict[int, str], now: datetime) -> dict[str, object]:
    return {
        "id": str(token.pk),
        "name": token.name,
        "status": token.status(now).value,
        "software": slugs.get(token.software_id) if token.software_id else None,
        "created_by": token.created_by_label,
        "created_at": format_time(token.created_at),
        "last_used_at": format_time(use.at) if use else None,
        "last_used_address": use.address if use else None,
    }
