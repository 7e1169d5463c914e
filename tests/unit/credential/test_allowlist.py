"""Addresses and networks: which are parsed, which are refused, and what is suggested instead."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest

from simsim.credential.allowlist import (
    RANGE_BYTES,
    Fault,
    allows,
    contains,
    pack,
    parse_address,
    parse_network,
    parse_range,
    whole_families,
    without_spaces_in_ranges,
)


@pytest.mark.covers("R10", "B3")
@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("0.0.0.0", "0.0.0.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("2001:db8::0001", "2001:db8::1"),
        ("::", "::"),
        ("::1", "::1"),
        ("::1.2.3.4", "::102:304"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::FFFF:0a00:0001", "10.0.0.1"),
        ("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
        ("fe80::1", "fe80::1"),
    ],
)
def test_address_is_read_into_its_canonical_form(text: str, canonical: str) -> None:
    address = parse_address(text)
    assert address is not None
    assert address.text == canonical
    assert len(address.key) == 17
    assert address == parse_address(canonical)


NO_ADDRESSES = [
    "", " ", "10.0.0.1 ", " 10.0.0.1", "10.0.0.1\n", "10.0.0.1\0", "10.0.0", "10.1", "1",
    "167772161", "0x0a000001", "0xa.0.0.1", "010.0.0.1", "10.0.0.01", "10.0.0.256", "10.0.0.-1",
    "10.0.0.1.1", "10..0.1", "10.0.0.1/32", "10.0.0.1:80", "[::1]", "::1%lo", "fe80::1%<script>",
    "2001:db8", "1:2:3:4:5:6:7:8:9", ":::", "12345::", "::g", "::ffff:010.0.0.1",
    "::ffff:10.0.0.256", "localhost", "١٠.0.0.1", "1０.0.0.1", "\ud800", "a" * 10_000, "abcd",
]  # fmt: skip


@pytest.mark.covers("R10", "B3")
@pytest.mark.parametrize("text", NO_ADDRESSES, ids=repr)
def test_other_texts_are_neither_addresses_nor_networks(text: str) -> None:
    assert parse_address(text) is None
    if "/32" not in text:
        assert isinstance(parse_network(text), Fault)


@pytest.mark.covers("R10", "B3")
@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("203.0.113.9", IPv4Network("203.0.113.9/32")),
        ("10.0.0.0/8", IPv4Network("10.0.0.0/8")),
        ("0.0.0.0/0", IPv4Network("0.0.0.0/0")),
        ("2001:DB8::/32", IPv6Network("2001:db8::/32")),
        ("2001:db8::1", IPv6Network("2001:db8::1/128")),
        ("::/0", IPv6Network("::/0")),
        ("::ffff:10.0.0.1", IPv4Network("10.0.0.1/32")),
        ("::ffff:10.0.0.0/104", IPv4Network("10.0.0.0/8")),
        ("::ffff:0.0.0.0/96", IPv4Network("0.0.0.0/0")),
    ],
)
def test_network_is_read_into_its_normal_form(text: str, network: IPv4Network | IPv6Network) -> None:
    assert parse_network(text) == network


@pytest.mark.covers("R10", "B3")
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("203.0.113.9/24", "203.0.113.0/24"),
        ("10.0.0.1/0", "0.0.0.0/0"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::ffff:10.1.0.0/104", "10.0.0.0/8"),
    ],
)
def test_host_bits_are_refused_with_the_network_that_was_meant(text: str, meant: str) -> None:
    fault = parse_network(text)
    assert isinstance(fault, Fault)
    assert fault.suggestion == meant
    assert f"Enter {meant}" in str(fault)
    assert isinstance(parse_network(meant), IPv4Network | IPv6Network)


@pytest.mark.covers("R10")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fe80::1%eth0", "contains a zone"),
        ("010.0.0.1", "leading zeros"),
        ("10.0.0.0/08", "leading zeros"),
        ("10.0.0.0/33", "does not fit"),
        ("2001:db8::/129", "does not fit"),
        ("::ffff:0:0/95", "does not fit"),
        ("10.0.0.0/255.0.0.0", "neither an address nor a network"),
        ("10.0.0.0/0.255.255.255", "neither an address nor a network"),
        ("10.0.0.0/", "neither an address nor a network"),
        ("10.0.0.0/-1", "neither an address nor a network"),
        ("10.0.0.0/8/8", "neither an address nor a network"),
        ("office", "neither an address nor a network"),
        ("100%s%", "contains a zone"),
    ],
)
def test_fault_says_what_is_wrong(text: str, words: str) -> None:
    fault = parse_network(text)
    assert isinstance(fault, Fault)
    assert words in str(fault)
    assert text in str(fault)
    assert fault.suggestion is None


@pytest.mark.covers("R10", "B3")
@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("10.0.0.1-10.0.0.9", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/31"]),
        ("10.0.0.0 - 10.0.0.255", ["10.0.0.0/24"]),
        ("10.0.0.1\u00a0\u2013 10.0.0.1", ["10.0.0.1/32"]),
        ("0.0.0.0\u2212255.255.255.255", ["0.0.0.0/0"]),
        ("2001:db8::-2001:DB8::2", ["2001:db8::/127", "2001:db8::2/128"]),
        ("::ffff:10.0.0.0-10.0.0.1", ["10.0.0.0/31"]),
    ],
)
def test_range_becomes_the_networks_that_hold_exactly_its_addresses(text: str, networks: list[str]) -> None:
    found = parse_range(text)
    assert isinstance(found, list)
    assert [str(network) for network in found] == networks


@pytest.mark.covers("R10")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.1-9", "Enter two whole addresses"),
        ("10.0.0-10.0.0.9", "Enter two whole addresses"),
        ("10.0.0.9-10.0.0.1", "ends before it starts"),
        ("10.0.0.1-2001:db8::1", "mixes an IPv4 and an IPv6 address"),
    ],
)
def test_range_that_spans_nothing_is_refused_with_the_reason(text: str, words: str) -> None:
    fault = parse_range(text)
    assert isinstance(fault, Fault)
    assert words in str(fault)
    assert text in str(fault)


@pytest.mark.parametrize(
    "text", ["10.0.0.1", "10.0.0.0/8", "10.0.0.0/-1", "10.0.0.1-", "10.0.0.1\n-10.0.0.2", "A - office"]
)
def test_text_without_two_addresses_and_a_hyphen_is_no_range(text: str) -> None:
    assert parse_range(text) is None


def test_spaces_are_taken_out_of_ranges_and_left_between_networks() -> None:
    pasted = "10.0.0.1 - 10.0.0.9 10.1.0.0/16\u2014x, ::1 \u2013 ::9\n- 10.0.0.1 - office"
    assert without_spaces_in_ranges(pasted) == ("10.0.0.1-10.0.0.9 10.1.0.0/16\u2014x, ::1-::9\n- 10.0.0.1 - office")


def test_fault_shows_at_most_as_much_text_as_an_address_has() -> None:
    assert len(str(parse_network("x" * 10_000))) < 200


@pytest.mark.covers("R10")
def test_empty_list_allows_every_address_and_even_an_unknown_one() -> None:
    address = parse_address("203.0.113.9")
    assert address is not None
    assert allows(b"", address)
    assert allows(b"", None)
    assert not contains(b"", address)


@pytest.mark.covers("R10", "B3")
def test_families_do_not_mix() -> None:
    four, six = parse_address("10.0.0.1"), parse_address("a00:1::")
    assert four is not None
    assert six is not None
    assert not allows(pack([ip_network("::/0")]), four)
    assert not allows(pack([ip_network("0.0.0.0/0")]), six)
    assert not allows(pack([ip_network("0.0.0.0/0")]), None)


@pytest.mark.covers("B3")
def test_packed_ranges_are_sorted_and_merged() -> None:
    halves = [ip_network("10.128.0.0/9"), ip_network("10.0.0.0/9")]
    assert pack(halves) == pack([ip_network("10.0.0.0/8")]) == pack([*halves, ip_network("10.1.2.3/32")])
    everything = pack([ip_network("0.0.0.0/0"), ip_network("::/0")])
    assert len(everything) == 2 * RANGE_BYTES
    assert pack([ip_network("::/1"), ip_network("8000::/1")]) == pack([ip_network("::/0")])


@pytest.mark.covers("B3")
def test_truncated_list_allows_nothing() -> None:
    address = parse_address("10.0.0.1")
    assert address is not None
    assert not allows(pack([ip_network("10.0.0.0/8")])[:-1], address)


@pytest.mark.covers("R10", "B3")
@pytest.mark.parametrize(
    ("networks", "families"),
    [
        ([], []),
        (["203.0.113.0/24"], []),
        (["0.0.0.0/0"], [4]),
        (["::/0"], [6]),
        (["::/0", "0.0.0.0/0"], [4, 6]),
        (["0.0.0.0/1", "128.0.0.0/1"], [4]),
        (["0.0.0.0/1", "128.0.0.0/2"], []),
        (["::/1", "8000::/1", "192.0.2.1/32"], [6]),
        (["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/1", "10.0.0.0/8"], [4]),
        (["::ffff:0.0.0.0/96"], [4]),
    ],
)
def test_networks_that_together_hold_every_address_are_known(networks: list[str], families: list[int]) -> None:
    parsed = [parse_network(text) for text in networks]
    assert whole_families(pack(network for network in parsed if not isinstance(network, Fault))) == families
