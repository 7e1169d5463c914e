"""Addresses and networks: parsed strictly, in one normal form, and compared as bytes.

Every address becomes 17 bytes: its family (4 or 6) and the packed address. One comparison therefore orders both
families, and no IPv4 address is ever part of an IPv6 network. An IPv4-mapped IPv6 address is treated as its IPv4
address; Hono did not do this, which led to CVE-2026-39409.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from simsim.problem import gettext_noop

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KEY_BYTES = 17
RANGE_BYTES = 2 * KEY_BYTES

_MAPPED = bytes(10) + b"\xff\xff"
_ZEROS = bytes(12)
_MAPPED_BITS = 96
_WHOLE = {
    4: b"\x04" + bytes(16) + b"\x04" + b"\xff" * 4 + _ZEROS,
    6: b"\x06" + bytes(16) + b"\x06" + b"\xff" * 16,
}
_MAX_TEXT = 2 * 45 + 1  # the length of two addresses such as ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255 and a hyphen
_has_network_form = re.compile(r"(?P<address>[0-9A-Fa-f:.]+)(?:/(?P<length>0|[1-9][0-9]{0,2}))?").fullmatch
# A hyphen, and the dashes with which word processors and web pages replace it.
_dash = r"[^\S\r\n]*[-\u2010-\u2015\u2212][^\S\r\n]*"
_has_range_form = re.compile(rf"([0-9A-Fa-f:.]+){_dash}([0-9A-Fa-f:.]+)").fullmatch
_dash_between_addresses = re.compile(rf"(?<=[0-9A-Fa-f:.]){_dash}(?=[0-9A-Fa-f:.])")
_leading_zero = re.compile(r"(?:^|[./])0[0-9]").search


class Address(NamedTuple):
    """One address: `key`, 17 bytes, is for comparing; `text`, canonical (RFC 5952), is for showing."""

    key: bytes
    text: str


@dataclass(frozen=True)
class Fault:
    """Why a text is not a network: a message id, the values of its placeholders, and the likely intended text."""

    message: str
    params: Mapping[str, str] = field(default_factory=dict)
    suggestion: str | None = None

    def __str__(self) -> str:
        return self.message % self.params


def parse_address(text: str) -> Address | None:
    """Return the address written in the text, or None for any other text. Never raises.

    Strict: no leading zeros in IPv4 addresses, and no zone ids, white space, ports or addresses written as one number.
    """
    # Use inet_pton: ipaddress takes ten times as long and accepts zone ids ("fe80::1%<script>").
    try:
        if ":" not in text:
            packed = socket.inet_pton(socket.AF_INET, text)
            return Address(b"\x04" + packed + _ZEROS, text)
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return None
    if packed.startswith(_MAPPED):
        return Address(b"\x04" + packed[12:] + _ZEROS, socket.inet_ntop(socket.AF_INET, packed[12:]))
    if packed.startswith(_ZEROS):  # the C library writes ::/96 in dotted form, RFC 5952 does not
        return Address(b"\x06" + packed, str(ipaddress.IPv6Address(packed)))
    return Address(b"\x06" + packed, socket.inet_ntop(socket.AF_INET6, packed))


def parse_network(text: str) -> Network | Fault:
    """Return the network written in the text, in normal form, or a Fault that says what is wrong. Never raises.

    A bare address is a network of one address. If host bits are set, the text is refused and the surrounding network is
    suggested, because a guess would allow too much or too little.
    """
    match = _has_network_form(text)
    if match is None:
        return _explain(text)
    address = parse_address(match["address"])
    if address is None:
        return _explain(text)
    packed = _packed(address)
    bits = 8 * len(packed)
    length = bits if match["length"] is None else int(match["length"])
    if bits == 32 and ":" in text and match["length"] is not None:
        length -= _MAPPED_BITS
    if not 0 <= length <= bits:
        return _fault(gettext_noop("“%(text)s” has a prefix length that does not fit this kind of address."), text)
    network = ipaddress.ip_network((packed, length), strict=False)
    if network.network_address.packed != packed:
        message = gettext_noop("“%(text)s” is an address inside a network. Enter %(suggestion)s for the whole network.")
        return _fault(message, text, suggestion=str(network))
    return network


def parse_range(text: str) -> list[Network] | Fault | None:
    """Return the networks that contain exactly the addresses in a range such as `10.0.0.1 - 10.0.0.9`.

    None if the text is not two addresses with a hyphen or dash between them; a Fault if they do not form a range. Never
    raises.
    """
    match = _has_range_form(text)
    if match is None:
        return None
    ends = [parse_address(end) for end in match.groups()]
    first, last = (ipaddress.ip_address(_packed(end)) if end else None for end in ends)
    if first is None or last is None:
        message = gettext_noop("“%(text)s” is not a range. Enter two whole addresses, such as 203.0.113.5-203.0.113.9.")
        return _fault(message, text)
    if first.version != last.version:
        return _fault(gettext_noop("“%(text)s” mixes an IPv4 and an IPv6 address."), text)
    if int(first) > int(last):
        return _fault(gettext_noop("“%(text)s” ends before it starts. Enter the lower address first."), text)
    return list(ipaddress.summarize_address_range(first, last))


def without_spaces_in_ranges(text: str) -> str:
    """Return the text with each `first - last` written as `first-last`, so that it can be split at white space."""
    return _dash_between_addresses.sub("-", text)


def pack(networks: Iterable[Network]) -> bytes:
    """Return the networks as sorted, disjoint ranges of RANGE_BYTES: the keys of the first and the last address."""
    merged: list[tuple[bytes, bytes]] = []
    for first, last in sorted((_key(n.network_address), _key(n.broadcast_address)) for n in networks):
        if merged and first <= _successor(merged[-1][1]):
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return b"".join(first + last for first, last in merged)


def allows(packed: bytes, address: Address | None) -> bool:
    """Whether an allowlist allows an address. An empty list allows every address, even an unknown one (R10).

    A list that is not empty never allows an unknown address.
    """
    # Do not write "if not packed": a missing list (NULL) is not an empty list, and must not allow any address.
    if packed == b"":
        return True
    return address is not None and contains(packed, address)


def contains(packed: bytes, address: Address) -> bool:
    """Whether the address lies in one of the packed ranges; an empty list contains no address."""
    key = address.key
    low, high = 0, len(packed) // RANGE_BYTES
    while low < high:
        middle = (low + high) // 2
        start = middle * RANGE_BYTES
        if packed[start : start + KEY_BYTES] > key:
            high = middle
        elif packed[start + KEY_BYTES : start + RANGE_BYTES] < key:
            low = middle + 1
        else:
            return True
    return False


def whole_families(packed: bytes) -> list[int]:
    """Return the families (4 and 6) whose addresses are all in the ranges; for an empty list, neither family.

    Packing joins adjacent networks into one range, so 0.0.0.0/1 and 128.0.0.0/1 together count as 0.0.0.0/0.
    """
    ranges = {packed[start : start + RANGE_BYTES] for start in range(0, len(packed), RANGE_BYTES)}
    return [version for version, whole in _WHOLE.items() if whole in ranges]


def _key(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    return b"\x04" + address.packed + _ZEROS if address.version == 4 else b"\x06" + address.packed


def _packed(address: Address) -> bytes:
    return address.key[1:5] if address.key[0] == 4 else address.key[1:]


def _successor(key: bytes) -> bytes:
    """Return the key of the next address in the family; after the last address, a key that no address has."""
    size = 5 if key[0] == 4 else KEY_BYTES
    return (int.from_bytes(key[:size]) + 1).to_bytes(size).ljust(KEY_BYTES, b"\0")


def _explain(text: str) -> Fault:
    """Return the most helpful fault for a text that is neither an address nor a network."""
    if "%" in text:
        message = gettext_noop("“%(text)s” contains a zone. Leave out the percent sign and everything after it.")
    elif _leading_zero(text):
        message = gettext_noop("“%(text)s” has leading zeros, which some programs read as octal. Leave them out.")
    else:
        message = gettext_noop("“%(text)s” is neither an address nor a network such as 203.0.113.0/24.")
    return _fault(message, text)


def _fault(message: str, text: str, *, suggestion: str | None = None) -> Fault:
    params = {"text": text[:_MAX_TEXT]}
    return Fault(message, params if suggestion is None else params | {"suggestion": suggestion}, suggestion)
