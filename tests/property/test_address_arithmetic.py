"""Allowlists and addresses against the integers of the standard library."""

import ipaddress
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.credential.allowlist import Fault, Network, allows, pack, parse_address, parse_network, parse_range

CASES = 100_000
ADDRESSES_TO_A_LIST = 200

networks = st.one_of(
    st.tuples(st.ip_addresses(), st.integers(0, 128)).map(
        lambda pair: ipaddress.ip_network((pair[0], min(pair[1], pair[0].max_prefixlen)), strict=False)
    ),
)


def folded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def network_near(dice: random.Random) -> Network:
    """Return a network in a small part of either family, so that addresses hit, miss and touch it."""
    bits, base = (32, 0xCB007100) if dice.random() < 0.5 else (128, 0x20010DB8 << 96)
    length = bits - dice.choice([0, 0, 1, 2, 3, 4, 6, 8, bits])
    value = base + dice.randrange(256)
    kind = ipaddress.IPv4Network if bits == 32 else ipaddress.IPv6Network
    return kind((value, length), strict=False)


@pytest.mark.covers("R10", "B3")
def test_allowlist_agrees_with_integers_in_a_hundred_thousand_cases() -> None:
    dice = random.Random(20261124)
    for _ in range(CASES // ADDRESSES_TO_A_LIST):
        listed = [network_near(dice) for _ in range(dice.randrange(1, 9))]
        ranges = [(n.version, int(n.network_address), int(n.broadcast_address)) for n in listed]
        packed = pack(listed)
        for _ in range(ADDRESSES_TO_A_LIST):
            four = dice.random() < 0.5
            value = (0xCB007100 if four else 0x20010DB8 << 96) + dice.randrange(-32, 288)
            given_address = ipaddress.IPv4Address(value) if four else ipaddress.IPv6Address(value)
            address = parse_address(str(given_address))
            assert address is not None
            version = given_address.version
            expected = any(family == version and low <= value <= high for family, low, high in ranges)
            assert allows(packed, address) is expected


@given(st.ip_addresses())
def test_address_has_the_standard_library_s_text(given_address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    for spelling in {str(given_address), given_address.exploded, str(given_address).upper()}:
        address = parse_address(spelling)
        assert address is not None
        assert address.text == str(folded(given_address))


@given(st.binary(min_size=4, max_size=4))
def test_addresses_that_begin_with_zeros_have_the_standard_library_s_text(tail: bytes) -> None:
    for head in (bytes(12), bytes(10) + b"\0\1", bytes(8) + b"\xff\xff\0\0"):
        expected = ipaddress.IPv6Address(head + tail)
        address = parse_address(expected.exploded)
        assert address is not None
        assert address.text == str(expected)


@given(st.text(alphabet="0123456789abcdefABCDEF:./%[] x\n", max_size=24))
def test_no_text_is_parsed_more_leniently_than_by_the_standard_library(text: str) -> None:
    address = parse_address(text)
    network = parse_network(text)
    if address is not None:
        assert address.text == str(folded(ipaddress.ip_address(text)))
    if not isinstance(network, Fault) and network.version == (6 if ":" in text else 4):
        assert network == ipaddress.ip_network(text)


@given(networks)
def test_normal_form_is_parsed_to_the_same_network(network: Network) -> None:
    first = network.network_address
    if isinstance(first, ipaddress.IPv6Address) and first.ipv4_mapped is not None:
        return
    assert parse_network(str(network)) == network


@given(st.lists(networks, max_size=12))
def test_order_and_repetition_do_not_change_a_packed_list(listed: list[Network]) -> None:
    assert pack(listed) == pack(reversed(listed)) == pack(listed + listed)


@given(st.tuples(*[st.ip_addresses(v=4)] * 2) | st.tuples(*[st.ip_addresses(v=6)] * 2))
def test_range_holds_both_ends_and_nothing_beside_them(
    ends: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...],
) -> None:
    first, last = sorted(ends, key=int)
    found = parse_range(f"{first} \u2013 {last}")
    if folded(first).version != folded(last).version:
        assert isinstance(found, Fault)
        return
    assert isinstance(found, list)
    assert sum(network.num_addresses for network in found) == int(last) - int(first) + 1
    packed = pack(found)
    around = {int(first): True, int(last): True, int(first) - 1: False, int(last) + 1: False}
    for number, is_in in around.items():
        if 0 <= number < 2**first.max_prefixlen:
            assert allows(packed, parse_address(str(type(first)(number)))) is is_in
