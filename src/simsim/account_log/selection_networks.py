"""The effect of other networks on many tokens at once (B3, B18)."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network

from simsim.account_log.allowlist_preview import allows
from simsim.accounts.models import Account
from simsim.accounts.permissions import Actor, Permission, permit
from simsim.credential import allowlist
from simsim.request_log.usage.token_use import RECENT_DAYS, requests_by_address
from simsim.tokens.selection_acts import Change, parse_change
from simsim.tokens.token_selection import Selection


@dataclass(frozen=True)
class NetworksPreview:
    """How many tokens get another list, and how many of their accepted requests of the last 30 days it excludes.

    `tokens_with_excluded` is the number of tokens that lose a request.
    """

    tokens: int
    requests: int
    excluded_requests: int
    tokens_with_excluded: int


def preview_networks_of(
    account: Account, *, actor: Actor, selection: Selection, change: Change, now: datetime
) -> NetworksPreview:
    """Return the effect of a change of networks. A list that is not enforced excludes nothing.

    Raises Invalid for networks that can't be used, and for a list that a policy does not allow.
    """
    permit(actor, Permission.VIEW_LOG, account)
    change = parse_change(change)
    tokens = change.concerned(selection.tokens, now)
    change.prove_allowed(account, tokens)
    lists = {token.pk: tuple(change.networks_of(token)) for token in tokens}
    lenient = {token.pk for token in tokens if token.report_only}
    requests, excluded = count(account.pk, lists, now)
    losing = excluded.keys() - lenient
    return NetworksPreview(len(tokens), requests, sum(excluded[pk] for pk in losing), len(losing))


def count(
    account_id: uuid.UUID, lists: Mapping[uuid.UUID, tuple[str, ...]], now: datetime
) -> tuple[int, dict[uuid.UUID, int]]:
    """Return the number of the tokens' requests, and by token that of the requests outside its list."""
    packed = {networks: allowlist.pack([ip_network(text) for text in networks]) for networks in set(lists.values())}
    requests = 0
    excluded: dict[uuid.UUID, int] = {}
    since = now.date() - timedelta(RECENT_DAYS - 1)
    for pk, text, number in requests_by_address(account_id, since=since):
        if pk not in lists:
            continue
        requests += number
        if not allows(packed[lists[pk]], text):
            excluded[pk] = excluded.get(pk, 0) + number
    return requests, excluded


def document(preview: NetworksPreview) -> dict[str, object]:
    """Return a preview as JSON."""
    return asdict(preview)
