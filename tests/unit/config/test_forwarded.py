"""Only a trusted proxy sets the scheme and the host of a request."""

import ipaddress

import pytest

from simsim.config.forwarded import as_forwarded
from simsim.credential import allowlist

TRUSTED = allowlist.pack([ipaddress.ip_network("10.0.0.0/24")])
TOLD = [
    (b"host", b"10.0.0.7:8000"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"console.example"),
]


def seen(peer: str | None, headers: list[tuple[bytes, bytes]]) -> tuple[str, bytes]:
    """Return the scheme and the host that the console sees."""
    scope = {"type": "http", "scheme": "http", "client": (peer, 4711) if peer else None, "headers": headers}
    told = as_forwarded(scope, TRUSTED)
    (host,) = [value for name, value in told["headers"] if name == b"host"]
    return told["scheme"], host


@pytest.mark.parametrize("peer", ["10.0.0.7", "::ffff:10.0.0.7", None])
def test_trusted_proxy_sets_scheme_and_host(peer: str | None) -> None:
    assert seen(peer, TOLD) == ("https", b"console.example")
    assert seen(peer, TOLD[:1]) == ("http", b"10.0.0.7:8000")


@pytest.mark.parametrize("peer", ["203.0.113.9", "10.0.1.7", "::1", "no address"])
def test_nobody_else_chooses_scheme_or_host(peer: str) -> None:
    assert seen(peer, TOLD) == ("http", b"10.0.0.7:8000")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"x-forwarded-proto", b"https, http")], ("http", b"own")),
        ([(b"x-forwarded-proto", b"http"), (b"X-Forwarded-Proto", b"HTTPS ")], ("https", b"own")),
        ([(b"x-forwarded-proto", b"javascript")], ("http", b"own")),
        ([(b"x-forwarded-host", b"evil.example, console.example")], ("http", b"console.example")),
        ([(b"x-forwarded-host", b"")], ("http", b"own")),
        ([(b"x-forwarded-host", b"console.example, ")], ("http", b"own")),
    ],
)
def test_last_value_is_the_proxys_own(headers: list[tuple[bytes, bytes]], expected: tuple[str, bytes]) -> None:
    assert seen("10.0.0.7", [(b"host", b"own"), *headers]) == expected
