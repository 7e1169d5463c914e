"""The networks suggested by traffic hold every address that was seen, and are no larger than needed."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.account_log.allowlist_preview import smallest_around, smallest_networks

# Close together, so that some are neighbours.
V4 = st.integers(0, 2**11).map(lambda number: IPv4Address((203 << 24) + number))
V6 = st.integers(0, 2**67).map(lambda number: IPv6Address((0x2001_0DB8 << 96) + number))


@pytest.mark.covers("B3")
@given(st.sets(V4 | V6, max_size=40))
def test_suggested_networks_hold_every_address_and_are_narrow(seen: set[IPv4Address | IPv6Address]) -> None:
    networks = smallest_networks(seen)
    for address in seen:
        assert any(address in network for network in networks)
    for network in networks:
        assert network.prefixlen >= (24 if network.version == 4 else 64)
        assert any(address in network for address in seen)
    assert len(networks) <= len(seen)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_smallest_network_around_two_addresses_has_no_half_that_holds_both(one: int, other: int) -> None:
    first, last = IPv4Address(min(one, other)), IPv4Address(max(one, other))
    network = smallest_around(first, last)
    assert first in network
    assert last in network
    if network.prefixlen < 32:
        halves = ip_network(str(network)).subnets()
        assert not any(first in half and last in half for half in halves)
