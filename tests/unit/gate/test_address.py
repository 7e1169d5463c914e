"""The caller's address: which peers may state it, and in which forms."""

from ipaddress import ip_network

import pytest

from simsim.credential.allowlist import pack, parse_address
from simsim.gate.address import (
    MAX_CACHED_CHARACTERS,
    MAX_FORWARDED_FOR_BYTES,
    MAX_VIA_CHARACTERS,
    _cached_hop,
    locate,
    network_of,
    parse_hop,
    site_of,
)

TRUSTED = pack([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
SOCKET = ""


def seen(peer: str | None, *forwarded_for: str, trusted: bytes = TRUSTED) -> str | None:
    address = locate(peer, forwarded_for, trusted).address
    return None if address is None else address.text


@pytest.mark.covers("R10", "B9")
@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        # No proxy in between.
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9:51234", [], "203.0.113.9"),
        ("[2001:db8::9]:51234", [], "2001:db8::9"),
        ("2001:db8::9", [], "2001:db8::9"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        # A caller that writes the header itself.
        ("203.0.113.9", ["10.0.0.1"], "203.0.113.9"),
        ("203.0.113.9", ["junk"], "203.0.113.9"),
        # A trusted proxy.
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["10.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.9", "10.0.0.2,10.0.0.3"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.4, 10.0.0.3"], "10.0.0.4"),
        ("fd00::1", [" 203.0.113.9:443 "], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::9]:443,10.0.0.2:1"], "2001:db8::9"),
        # A hop that is not an address: nobody trusted wrote what stands left of it.
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", ["203.0.113.9, unknown"], None),
        ("10.0.0.1", ["unknown, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, unknown, 10.0.0.2"], None),
        ("10.0.0.1", ["203.0.113.9,"], None),
        ("10.0.0.1", [""], None),
        ("10.0.0.1", ["203.0.113.9", ""], None),
        # A Unix socket: trusted, and without an address.
        ("", ["203.0.113.9"], "203.0.113.9"),
        (None, ["203.0.113.9, 10.0.0.1"], "203.0.113.9"),
        ("", [], None),
        (None, [], None),
        # A peer that is not an address is never trusted.
        ("testclient", [], None),
        ("testclient", ["203.0.113.9"], None),
    ],
)
def test_address_is_read_from_the_right_through_trusted_proxies(
    peer: str | None, forwarded_for: list[str], expected: str | None
) -> None:
    assert seen(peer, *forwarded_for) == expected


@pytest.mark.covers("R10", "B9")
def test_without_trusted_proxies_no_header_counts() -> None:
    assert seen("10.0.0.1", "203.0.113.9", trusted=b"") == "10.0.0.1"
    assert seen(SOCKET, "203.0.113.9, 10.0.0.1", trusted=b"") == "10.0.0.1"


@pytest.mark.covers("B9")
def test_only_sockets_and_trusted_proxies_are_trusted_peers() -> None:
    for peer, counts in {
        None: True,
        "": True,
        "10.0.0.1": True,
        "10.0.0.1:80": True,
        "203.0.113.9": False,
        "x": False,
    }.items():
        assert locate(peer, [], TRUSTED)[1] is counts
    assert locate("10.0.0.1", [], b"")[1] is False


@pytest.mark.covers("B3")
@pytest.mark.parametrize(
    ("peer", "forwarded_for", "via"),
    [
        ("203.0.113.9", ["10.0.0.1"], None),
        ("10.0.0.1", [], None),
        ("10.0.0.1", ["203.0.113.9"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2:80"], "10.0.0.2, 10.0.0.1"),
        ("10.0.0.1", ["10.0.0.4, 10.0.0.3"], "10.0.0.3, 10.0.0.1"),
        ("", ["203.0.113.9"], None),
        ("", ["203.0.113.9, fd00::2"], "fd00::2"),
        ("", ["unknown, fd00::2"], "fd00::2"),
    ],
)
def test_trusted_proxies_on_the_way_are_named_with_the_address(
    peer: str, forwarded_for: list[str], via: str | None
) -> None:
    assert locate(peer, forwarded_for, TRUSTED).via == via


def test_long_chain_of_proxies_is_cut() -> None:
    via = locate("", [", ".join(["fd00::1:2:3:4:5"] * 100)], TRUSTED).via
    assert via is not None
    assert len(via) == MAX_VIA_CHARACTERS


@pytest.mark.covers("R10", "B9")
def test_only_the_right_end_of_a_long_header_is_read() -> None:
    long = ",".join(["10.0.0.1"] * (MAX_FORWARDED_FOR_BYTES // 9 + 1))
    # All addresses in the part that is read are trusted; anything may stand left of it.
    assert seen(SOCKET, long) is None
    assert seen(SOCKET, long[9 * 10 :]) == "10.0.0.1"
    # The address that the trusted proxy appended counts, for any header of its caller.
    for sent in (long, "1.1.1.1," * 2000, "é" * 20_000, "," * 400_000):
        assert seen(SOCKET, sent, "203.0.113.9, 10.0.0.2") == "203.0.113.9"
    assert seen(SOCKET, "1" * 2 * MAX_FORWARDED_FOR_BYTES) is None


@pytest.mark.covers("R10", "B9")
def test_part_of_a_hop_is_never_taken_for_an_address() -> None:
    right = ",10.0.0.1" * (MAX_FORWARDED_FOR_BYTES // 9)
    for cut in range(30):
        assert seen(SOCKET, "198.51.100.203.0.113.9"[: 22 - cut % 22] + right + "," + " " * cut + "10.0.0.2") is None


@pytest.mark.parametrize(
    "text",
    [
        "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:123456", "1.2.3.4:-1", "1.2.3.4:٣", "1.2.3.4:80:80", ":80", "[::1", "[::1]x",
        "[::1]80", "[::1]:", "[::1]:x", "[]", "[]:80", "[1.2.3.4]", "[1.2.3.4]:80", "::1]", "[[::1]]", "[::1%lo]:80",
        "2001:db8", "for=1.2.3.4", '"1.2.3.4"', "1.2.3.4 5.6.7.8", "\n1.2.3.4",
    ],
)  # fmt: skip
def test_other_forms_are_not_hops(text: str) -> None:
    assert parse_hop(text) is None


@pytest.mark.parametrize("text", ["2001:db8::9", "[2001:db8::9]", "[2001:db8::9]:1", "\t[2001:DB8::9]:65535 "])
def test_port_and_brackets_do_not_change_an_address(text: str) -> None:
    address = parse_hop(text)
    assert address is not None
    assert address.text == "2001:db8::9"


@pytest.mark.covers("R10", "B9")
def test_hop_that_is_too_long_for_the_cache_is_still_parsed() -> None:
    for text in ("203.0.113.9", "203.0.113.9" + 200 * " ", "[2001:db8::1]:443" + 200 * "\t"):
        before = _cached_hop.cache_info().currsize
        for _ in range(2):
            hop = parse_hop(text)
            assert hop is not None
            assert hop.text in {"203.0.113.9", "2001:db8::1"}
        assert _cached_hop.cache_info().currsize - before <= (len(text) <= MAX_CACHED_CHARACTERS)


@pytest.mark.covers("R10", "B9")
@pytest.mark.parametrize("forwarded_for", [[], ["203.0.113.9"], ["203.0.113.9, 10.1.1.1"], ["203.0.113.9" + 200 * " "]])
def test_cached_location_is_the_same_and_depends_on_the_trusted_proxies(
    forwarded_for: list[str],
) -> None:
    for _ in range(2):
        expected = "203.0.113.9" if forwarded_for else "10.0.0.1"
        assert seen("10.0.0.1", *forwarded_for) == expected
        assert seen("10.0.0.1", *forwarded_for, trusted=b"") == "10.0.0.1"


@pytest.mark.covers("R13")
def test_addresses_that_one_customer_of_a_provider_has_are_one_site() -> None:
    def site(text: str) -> bytes:
        address = parse_address(text)
        assert address is not None
        return site_of(address)

    assert site("2001:db8:0:1::1") == site("2001:db8:0:1:ffff::2") != site("2001:db8:0:2::1")
    assert site("203.0.113.9") == site("::ffff:203.0.113.9") != site("203.0.113.10")
    assert site("0.0.0.0") != site("::")


@pytest.mark.covers("R17")
def test_host_that_changes_its_address_within_its_network_is_one_source() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert network_of("203.0.113.9") != network_of("203.0.113.10")
    assert network_of(None) == network_of("x") == ""
