"""Determines the caller's address in a way that the caller cannot forge."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from simsim.credential.allowlist import Address, contains, parse_address

MAX_FORWARDED_FOR_BYTES = 8 * 1024
MAX_VIA_CHARACTERS = 200
# A host can choose any address within its /64 (RFC 4291): if we counted by address, every request could look like a
# caller's first.
IPV6_SITE_BITS = 64
SITE_BYTES = 1 + IPV6_SITE_BITS // 8  # the part of `Address.key` that holds the family and the site
CACHE_SIZE, MAX_CACHED_CHARACTERS = 4096, 64  # caches parsed texts, never decisions


class Located(NamedTuple):
    """The origin of a request, as far as it can be known.

    `address` is None if unknown; `is_trusted` says whether the peer is trusted to describe the request; `via` names
    the trusted proxies that the request passed through, starting nearest the caller, or is None.
    """

    address: Address | None
    is_trusted: bool
    via: str | None = None


def locate(peer: str | None, forwarded_for: Sequence[str], trusted: bytes) -> Located:
    """Return the address that the request comes from, and how it was determined. Never raises.

    `peer` is the socket's other end, None or "" for a Unix socket, which is always trusted; `forwarded_for` holds the
    value of every X-Forwarded-For header, in order; `trusted` holds the trusted proxies, packed by `allowlist.pack`.

    Each proxy appends the address of its caller, so only the right end of the list is certain to come from a proxy. The
    list is read from there, past trusted proxies, to the first other address. A hop that is not an address ends the
    search without a result: the caller may have written everything to the left of it.
    """
    if not forwarded_for:
        return _cached_location(peer, None, trusted)
    if len(forwarded_for) == 1 and len(forwarded_for[0]) <= MAX_CACHED_CHARACTERS:
        return _cached_location(peer, forwarded_for[0], trusted)
    return _location(peer, forwarded_for, trusted)


@lru_cache(maxsize=CACHE_SIZE)
def _cached_location(peer: str | None, forwarded_for: str | None, trusted: bytes) -> Located:
    return _location(peer, () if forwarded_for is None else (forwarded_for,), trusted)


def _location(peer: str | None, forwarded_for: Sequence[str], trusted: bytes) -> Located:
    nearest = None
    if peer:
        nearest = parse_hop(peer)
        if nearest is None or not contains(trusted, nearest):
            return Located(nearest, False)
    if not forwarded_for:
        return Located(nearest, True)
    if len(forwarded_for) == 1 and "," not in forwarded_for[0]:
        return Located(parse_hop(forwarded_for[0]), True, nearest and nearest.text)
    return _walk(forwarded_for, trusted, [] if nearest is None else [nearest.text])


def site_of(address: Address) -> bytes:
    """Return the key of the network that a provider gives to one customer: the address in IPv4, the /64 in IPv6."""
    return address.key[:SITE_BYTES]


@lru_cache(maxsize=CACHE_SIZE)
def network_of(text: str | None) -> str:
    """Return the site of an address as text: the address in IPv4, its /64 in IPv6; "" for any other text."""
    address = parse_address(text) if text else None
    if address is None or ":" not in address.text:
        return "" if address is None else address.text
    return str(ipaddress.ip_network((address.text, IPV6_SITE_BITS), strict=False))


def parse_hop(text: str) -> Address | None:
    """Return the address of one hop, None for anything else.

    Some proxies append the port: 203.0.113.9:443, [2001:db8::1]:443. White space around the hop is ignored.
    """
    # The caller writes this header, so a long one is parsed without being cached.
    return _cached_hop(text) if len(text) <= MAX_CACHED_CHARACTERS else _hop(text)


def _hop(text: str) -> Address | None:
    address = parse_address(text)
    if address is not None:
        return address
    text = text.strip(" \t")
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or ":" not in host or (port and not _is_port(port)):
            return None
        return parse_address(host)
    host, colon, port = text.partition(":")
    if colon and not _is_port(colon + port):
        host = text
    return parse_address(host)


_cached_hop = lru_cache(maxsize=CACHE_SIZE)(_hop)


def _walk(forwarded_for: Sequence[str], trusted: bytes, passed: list[str]) -> Located:
    address = None
    for hop in reversed(_right_end(",".join(forwarded_for)).split(",")):
        if address is not None:
            passed.append(address.text)
        address = parse_hop(hop)
        if address is None or not contains(trusted, address):
            break
    return Located(address, True, ", ".join(reversed(passed))[:MAX_VIA_CHARACTERS] or None)


def _right_end(text: str) -> str:
    """Return the part of the list to search: the right end, which proxies wrote.

    The length is bounded, because the caller writes the left end and may send 400 KB of trusted addresses. The hop at
    the cut becomes empty, because a truncated address may be a different valid address.
    """
    if len(text) <= MAX_FORWARDED_FOR_BYTES:
        return text
    _, comma, walked = text[-MAX_FORWARDED_FOR_BYTES:].partition(",")
    return comma + walked


def _is_port(text: str) -> bool:
    return text[0] == ":" and 2 <= len(text) <= 6 and text.isascii() and text[1:].isdigit()
