"""The walk through X-Forwarded-For: a caller cannot choose its own address."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.credential.allowlist import contains, pack, parse_address
from simsim.gate.address import locate

TRUSTED = pack([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
CALLER, PROXY = "203.0.113.9", "10.0.0.2"

forged = st.lists(
    st.one_of(
        st.ip_addresses().map(str),
        st.sampled_from([PROXY, "10.9.9.9:80", "[fd00::1]:1", "", " ", "unknown", "_hidden", "1.2.3.4;", "\xff", '"']),
        st.text(max_size=12),
    ),
    max_size=6,
)


@pytest.mark.covers("R10", "B9")
@given(forged, st.integers(0, 3), st.booleans())
def test_caller_cannot_choose_its_address_through_any_chain_of_trusted_proxies(
    written: list[str], hops: int, own_header: bool
) -> None:
    appended = ", ".join([CALLER, *[PROXY] * hops])
    values = [",".join(written), appended] if own_header or not written else [", ".join([*written, appended])]
    for peer in (PROXY, "", None):
        found = locate(peer, values, TRUSTED).address
        assert found is not None
        assert found.text == CALLER


@pytest.mark.covers("R10", "B9")
@given(
    st.lists(st.text(max_size=30), max_size=4), st.one_of(st.none(), st.text(max_size=20), st.ip_addresses().map(str))
)
def test_no_header_raises_and_an_untrusted_peer_is_its_own_address(values: list[str], peer: str | None) -> None:
    found = locate(peer, values, TRUSTED).address
    own = parse_address(peer) if peer else None
    if own is not None and not contains(TRUSTED, own):
        assert found == own
    assert locate("198.51.100.1", values, b"").address == parse_address("198.51.100.1")
