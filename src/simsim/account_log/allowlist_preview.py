"""A preview of the requests that an allowlist would have refused, and a list suggested by the traffic (B3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from simsim.accounts.permissions import Actor, Permission, permit
from simsim.credential import allowlist
from simsim.credential.allowlist import Network
from simsim.request_log.short_addresses import ends_of, is_short
from simsim.request_log.usage.token_use import RECENT_DAYS, AddressUse, addresses_of
from simsim.tokens.models import Token
from simsim.tokens.rules import parse_networks

# An IPv6 host changes its address within its /64 daily (RFC 8981), so a list of single addresses would soon be stale.
IPV6_PREFIX = 64
IPV4_PREFIX = 24
NEIGHBOURS = 3


@dataclass(frozen=True)
class Preview:
    """The effect of an allowlist on the token's accepted requests of the last 30 days.

    `excluded` are the addresses outside the list, the busiest first; `seen` is the total number of addresses.
    """

    excluded: Sequence[AddressUse]
    seen: int
    requests: int

    @property
    def excluded_requests(self) -> int:
        return sum(use.requests for use in self.excluded)

    @property
    def excludes_everything(self) -> bool:
        return self.seen > 0 and len(self.excluded) == self.seen


def preview_allowlist(*, actor: Actor, token: Token, allowed_networks: Iterable[str], now: datetime) -> Preview:
    """Return the list's effect; an empty list refuses nobody. Raises Invalid for an invalid network."""
    permit(actor, Permission.VIEW_LOG, token.account)
    networks = [ip_network(text) for text in parse_networks(allowed_networks)]
    packed = allowlist.pack(networks)
    uses = recent_addresses(token, now)
    excluded = [use for use in uses if not allows(packed, use.address)]
    return Preview(excluded, len(uses), sum(use.requests for use in uses))


def allows(packed: bytes, place: str) -> bool:
    """Whether the list allows an address of the log, or the whole network that is left of an old one."""
    return all(allowlist.allows(packed, end) for end in ends_of(place))


def document(preview: Preview) -> dict[str, object]:
    """Return a preview as JSON."""
    return {
        "requests": preview.requests,
        "addresses": preview.seen,
        "excluded_requests": preview.excluded_requests,
        "excluded": [{"address": use.address or None, "requests": use.requests} for use in preview.excluded],
    }


def effect_to_confirm(
    *, actor: Actor, token: Token, allowed_networks: Sequence[str], report_only: bool, now: datetime
) -> Preview | None:
    """Return the effect of a changed list if a person should confirm it before it is saved, otherwise None.

    Only an enforced list that would have refused recent requests needs confirmation. Raises Invalid for an invalid
    network.
    """
    permit(actor, Permission.VIEW_LOG, token.account)
    has_changed = list(allowed_networks) != token.allowed_networks or (token.report_only and not report_only)
    if report_only or not has_changed:
        return None
    preview = preview_allowlist(actor=actor, token=token, allowed_networks=allowed_networks, now=now)
    return preview if preview.excluded else None


def suggest_networks(*, actor: Actor, token: Token, now: datetime) -> list[str]:
    """Return the smallest sensible list that allows every address that was let in during the last 30 days.

    An IPv6 address becomes its /64. Three or more IPv4 addresses in one /24 become the smallest network that contains
    them; fewer than three stay single. A network that is left of old addresses stays as it is. The list is empty if no
    requests were accepted.
    """
    permit(actor, Permission.VIEW_LOG, token.account)
    known = [use.address for use in recent_addresses(token, now) if use.address]
    networks = [ip_network(place) for place in known if is_short(place)]
    addresses = [ip_address(place) for place in known if not is_short(place)]
    single = [each for each in addresses if not any(each in network for network in networks)]
    return [str(network) for network in [*smallest_networks(single), *networks]]


def recent_addresses(token: Token, now: datetime) -> list[AddressUse]:
    return addresses_of(token.pk, last_day=now.date(), days=RECENT_DAYS)


def smallest_networks(addresses: Iterable[IPv4Address | IPv6Address]) -> list[Network]:
    """Return the networks that `suggest_networks` describes, ordered by their first address."""
    homes: dict[Network, set[IPv4Address | IPv6Address]] = {}
    for address in addresses:
        length = IPV4_PREFIX if address.version == 4 else IPV6_PREFIX
        homes.setdefault(ip_network((address, length), strict=False), set()).add(address)
    networks: list[Network] = []
    for home, found in homes.items():
        if home.version == 6:
            networks.append(home)
        elif len(found) < NEIGHBOURS:
            networks += (ip_network(address) for address in sorted(found, key=int))
        else:
            networks.append(smallest_around(min(found, key=int), max(found, key=int)))
    return networks


def smallest_around(first: IPv4Address | IPv6Address, last: IPv4Address | IPv6Address) -> Network:
    """Return the smallest network that contains both addresses, which are of one family."""
    differing = (int(first) ^ int(last)).bit_length()
    return ip_network((first, first.max_prefixlen - differing), strict=False)
