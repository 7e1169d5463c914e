"""The scheme and the host of the browser's request, as trusted proxies report them."""

from typing import Any

from simsim.gate.address import locate

PROTO, HOST = b"x-forwarded-proto", b"x-forwarded-host"
SCHEMES = frozenset({"http", "https"})


def as_forwarded(scope: Any, trusted: bytes) -> Any:
    """Return an ASGI scope with the scheme and the host that a trusted peer reports. What any other peer reports is
    ignored.

    Only the last value of a header is the peer's own: the caller may have written the values to the left of it.
    """
    if not is_trusted(scope, trusted):
        return scope
    told = dict(scope)
    if (scheme := last_value(scope, PROTO).lower()) in SCHEMES:
        told["scheme"] = scheme
    if host := last_value(scope, HOST):
        others = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
        told["headers"] = [*others, (b"host", host.encode("latin-1"))]
    return told


def is_trusted(scope: Any, trusted: bytes) -> bool:
    """Whether the peer is trusted to describe the request."""
    client = scope.get("client")
    return locate(client[0] if client else None, (), trusted).is_trusted


def last_value(scope: Any, header: bytes) -> str:
    """Return the last value in a header's list, or "" if it is empty."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == header]
    return ",".join(values).rpartition(",")[2].strip()
