"""The gate behind an RSGI server (granian), for the gateway's own socket.

granian's RSGI leaves out header values that are not ASCII, and behind an earlier value that is, such a one can't be
noticed. Our gateway sends one X-Forwarded-For of its own and refuses a second Authorization, so nothing is lost there;
proxies that pass on what the client sent belong before `gate.asgi`, which sees every byte.
"""

from typing import Any, Protocol

from simsim.gate.app import VERIFY, Gate, Request


class Headers(Protocol):
    """A request's headers as granian gives them: names in lower case, values as text."""

    def get(self, key: str) -> str | None: ...
    def get_all(self, key: str) -> list[str]: ...
    def __contains__(self, key: str) -> bool: ...


class Rsgi:
    """The RSGI application of one gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __rsgi_del__(self, loop: object) -> None:
        self._gate.close()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            protocol.close(404)
            return
        if scope.path == VERIFY:
            status, headers, body = self._gate.verify(_request(scope))
        else:
            status, headers, body = self._gate.answer(scope.path, scope.method)
        if body:
            protocol.response_bytes(status, headers, body)
        else:
            protocol.response_empty(status, headers)


def _request(scope: Any) -> Request:
    headers: Headers = scope.headers
    return Request(
        scope.client,
        scope.method,
        VERIFY,
        [value.encode("latin-1") for value in _values(headers, "authorization")],
        _values(headers, "x-forwarded-for"),
        headers.get("x-request-id"),
        headers.get("x-forwarded-method") or headers.get("x-original-method"),
        headers.get("x-forwarded-uri") or headers.get("x-original-uri"),
    )


def _values(headers: Headers, name: str) -> list[str]:
    """Return all values of a header, "?" among them where granian shows that it hides one."""
    if headers.get(name) is not None:
        return headers.get_all(name)
    return ["?", *headers.get_all(name)] if name in headers else []
