"""A shortened address is the network around the address, and stays as it is when it is shortened again."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simsim.credential.allowlist import parse_address
from simsim.request_log.short_addresses import ends_of, is_short, parse_place, shortened, spellings_of

pytestmark = [pytest.mark.any_database, pytest.mark.covers("R17")]
MAPPED = st.integers(0, 2**32 - 1).map(lambda number: IPv6Address((0xFFFF << 32) + number))
ADDRESSES = st.ip_addresses() | st.integers(0, 2**64).map(IPv6Address) | MAPPED


@given(ADDRESSES)
def test_shortened_address_is_the_network_around_it(address: IPv4Address | IPv6Address) -> None:
    parsed = parse_address(str(address))
    assert parsed is not None
    short = shortened(parsed.text)
    network = ip_network(short)
    assert ip_address(parsed.text) in network
    assert network.prefixlen == (24 if network.version == 4 else 48)
    assert is_short(short) and not is_short(parsed.text)  # noqa: PT018 - one statement about one address
    assert shortened(short) == short == parse_place(short)
    assert spellings_of(parsed.text) == (parsed.text, short)
    assert spellings_of(short) == (short,)
    assert [end and end.text for end in ends_of(short)] == [str(network[0]), str(network[-1])]
    assert len(short) <= 45  # the column


@given(ADDRESSES, st.integers(1, 127))
def test_neighbours_have_one_network_and_others_have_another(address: IPv4Address | IPv6Address, distance: int) -> None:
    parsed = parse_address(str(address))
    assert parsed is not None
    first = ip_address(parsed.text)
    network = ip_network(shortened(parsed.text))
    other = int(first) ^ distance
    assert shortened(str(type(first)(other))) == str(network)
    far = int(first) ^ (1 << (first.max_prefixlen - network.prefixlen))
    spelled = parse_address(str(type(first)(far)))
    assert spelled is None or shortened(spelled.text) != str(network)


@given(st.integers(0, 2**48 - 1).map(lambda number: ip_network(((0x2001 << 112) + (number << 64), 64))))
def test_network_of_a_flood_is_widened(network: object) -> None:
    assert ip_network(shortened(str(network))).supernet_of(network)  # type: ignore[arg-type]


@given(st.text(max_size=45))
@example("x/24")
@example("/48")
def test_any_other_text_stays_as_it_is(text: str) -> None:
    if parse_address(text.partition("/")[0]) is None:
        assert shortened(text) == text
        assert parse_place(text) is None
