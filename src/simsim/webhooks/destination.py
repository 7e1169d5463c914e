"""Where webhooks may go: a customer's URL must not reach the operator's own network (SSRF)."""

import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from simsim.credential import allowlist
from simsim.delivery.connection import Address, ReceiverUnavailable
from simsim.problem import FieldError, Invalid, gettext_noop

MAX_URL_LENGTH = 2000
MAX_ADDRESSES = 4
PORTS = {"https": 443, "http": 80}
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291, 2.4: nothing else is assigned to hosts on the internet
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 address is in the last 32 bits
SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")  # RFC 3056: an IPv4 address, perhaps a private one, is inside
# Special-purpose networks that `is_global` of Python 3.11 does not know: protocol assignments (RFC 6890), 6to4 relays
# (RFC 7526), documentation (RFC 9637).
SPECIAL = [ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "3fff::/20")]
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class DestinationRules:
    """The operator's rules: the private networks that may be reached, packed; whether http:// is allowed.

    `authorities` is a file of certificates for verifying receivers, or None to use the system's.
    """

    allowed_networks: bytes = b""
    is_http_allowed: bool = False
    authorities: Path | None = None

    def allows(self, address: IPAddress) -> bool:
        """Whether an address may be connected to: it is public, or in a network that the operator allows."""
        parsed = allowlist.parse_address(str(unmapped(address)))
        return is_public(address) or (parsed is not None and allowlist.contains(self.allowed_networks, parsed))


class AddressNotAllowed(ReceiverUnavailable):
    """The host is, or its name leads to, an address that webhooks may not reach."""


def parse_url(text: str, rules: DestinationRules) -> str:
    """Return an endpoint's URL; raise Invalid, for the field `url`, if it breaks a rule.

    A name is not looked up here: what it leads to counts at each attempt, because it may change.
    """
    url = text.strip()
    schemes = "https:// or http://" if rules.is_http_allowed else "https://"
    wanted = gettext_noop("Enter a full URL that begins with %(schemes)s, without a user and without “#”.")
    if len(url) > MAX_URL_LENGTH:
        raise Invalid(FieldError("url", gettext_noop("Enter at most %(longest)s characters."), {"longest": "2000"}))
    parts = split(url)
    if parts is None:
        raise Invalid(FieldError("url", wanted, {"schemes": schemes}))
    if parts.scheme == "http" and not rules.is_http_allowed:
        message = gettext_noop("Use https://, so that nobody can read or change the events on their way.")
        raise Invalid(FieldError("url", message))
    literal = as_address(parts.hostname or "")
    if (literal and not rules.allows(literal)) or (is_local_name(parts.hostname or "") and not rules.allowed_networks):
        message = gettext_noop("Webhooks can’t be sent to an address in a private network. Use a public one.")
        raise Invalid(FieldError("url", message))
    return url


def split(url: str) -> SplitResult | None:
    """Return the parts of a usable URL, or None: RFC 3986's characters, a host, no user, no fragment."""
    if not url.isascii() or not url.isprintable() or set(url) & set(' "<>\\^`{|}#'):
        return None
    try:
        parts = urlsplit(url)
        is_usable = bool(parts.hostname) and parts.port != 0 and parts.scheme in PORTS and "@" not in parts.netloc
    except ValueError:  # "[" without an IPv6 address, or an invalid port
        return None
    return parts if is_usable else None


def is_local_name(host: str) -> bool:
    return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def as_address(host: str) -> IPAddress | None:
    """Return the address that a host is written as, including the old forms that resolvers accept, such as 127.1."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[:1].isdigit() else None
    except OSError:
        return None


def is_public(address: IPAddress) -> bool:
    """Whether the address is reachable on the internet, and not through a translation to a private one."""
    address = unmapped(address)
    if any(address in network for network in SPECIAL):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    if address in NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address in GLOBAL_UNICAST and address.is_global and address not in SIX_TO_FOUR


def unmapped(address: IPAddress) -> IPAddress:
    """Return the IPv4 address inside an IPv4-mapped IPv6 address, which the system connects to; others unchanged."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def resolve_with_system(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system's resolver finds them; raise OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[4][0]) for place in found))


def checked_addresses(
    parts: SplitResult, rules: DestinationRules, *, resolve: Resolve = resolve_with_system
) -> list[Address]:
    """Return the addresses to connect to; raise ReceiverUnavailable, AddressNotAllowed if one of them is not allowed.

    The caller must connect to these addresses, without another lookup: a name may lead elsewhere a moment later.
    """
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    try:
        found = resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise ReceiverUnavailable("its name can't be found in DNS") from error
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
    if not addresses:
        raise ReceiverUnavailable("its name can't be found in DNS")
    if not all(rules.allows(address) for address in addresses):
        # Do not name the address: it would describe the operator's network to a customer.
        raise AddressNotAllowed("its name leads to an address in a private network, which is not allowed")
    return [(str(unmapped(address)), port) for address in addresses[:MAX_ADDRESSES]]


@cache
def tls_context(authorities: Path | None) -> ssl.SSLContext:
    """Return a context that verifies a receiver's certificate and its name."""
    return ssl.create_default_context(cafile=authorities)
