"""The gate behind an RSGI server (granian), for the gateway's own socket.

granian's RSGI drops header values that are not ASCII, and hides that when an earlier value of the header is ASCII.
Behind our gateway nothing is lost: it sends one X-Forwarded-For of its own, refuses a second Authorization, and puts
values that are not ASCII into the body. Proxies that pass on the client's headers must use `gate.asgi`, which sees
every byte.
"""

from typing import Any, Protocol

from simsim.gate.app import CONSOLE_TEST_PATH, VERIFY, Gate, Request
from simsim.gate.decided_line import CONSOLE_TEST, CONSOLE_TEST_METHOD
from simsim.gate.request_target import is_named, printable
from simsim.gate.shared_gate import SharedGate


class Headers(Protocol):
    """A request's headers as granian gives them: names in lower case, values as text."""

    def get(self, key: str) -> str | None: ...
    def items(self) -> list[tuple[str, str]]: ...
    def __contains__(self, key: str) -> bool: ...


class Rsgi:
    """The RSGI application of one gate."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._shared = gate if isinstance(gate, SharedGate) else None

    def __rsgi_del__(self, loop: object) -> None:
        self._gate.close()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            protocol.close(404)
            return
        if scope.path == VERIFY:
            request = _request(scope)
            # Our gateway always sends the address, in a header or in the body. A proxy that sends neither and passes on
            # the caller's body would also pass on the caller's X-Forwarded-For.
            if not request.forwarded_for and _has_body(scope.headers):
                request = _with_body(request, await protocol())
            said = self._gate.verify(request) if self._shared is None else await self._shared.verify_together(request)
        elif scope.path == CONSOLE_TEST_PATH and not scope.client:
            request = _console_test(_request(scope))
            said = self._gate.verify(request) if self._shared is None else await self._shared.verify_together(request)
        elif self._shared is not None:
            said = await self._shared.answer_together(scope.path, scope.method)
        else:
            said = self._gate.answer(scope.path, scope.method)
        status, headers, body = said
        if body:
            protocol.response_bytes(status, headers, body)
        else:
            protocol.response_empty(status, headers)


def _request(scope: Any) -> Request:
    headers: Headers = scope.headers
    # Read all headers at once: each call to the server's headers costs half as much as this list.
    items = headers.items()
    said = dict(items)
    return Request(
        scope.client,
        scope.method,
        VERIFY,
        [value.encode("latin-1") for value in _values(headers, "authorization", items)],
        _values(headers, "x-forwarded-for", items),
        said.get("x-request-id"),
        said.get("x-forwarded-method") or said.get("x-original-method"),
        said.get("x-forwarded-uri") or said.get("x-original-uri"),
        # A header that occurs twice may be the caller's beside the proxy's.
        len(said) == len(items) and is_named(said),
    )


def _console_test(request: Request) -> Request:
    """Return the request with the method and target under which a console test is logged.

    Its own headers are ignored.
    """
    return request._replace(
        method=CONSOLE_TEST_METHOD, target=CONSOLE_TEST, forwarded_method=None, forwarded_target=None
    )


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length") not in {None, "0"}


def _with_body(request: Request, body: bytes) -> Request:
    """Return the request with the values that nginx.conf sends in a body: target, X-Forwarded-For, Authorization.

    Each is one line, because none can contain a line break. A body in any other form is ignored.
    """
    lines = body.split(b"\n")
    if len(lines) != 3:
        return request
    target, forwarded_for, authorization = lines
    return request._replace(
        authorization=[authorization] if authorization else [],
        forwarded_for=[forwarded_for.decode("latin-1")],
        forwarded_target=printable(target),
        is_named=request.forwarded_method is not None,
    )


def _values(headers: Headers, name: str, items: list[tuple[str, str]]) -> list[str]:
    """Return all values of a header, preceded by "?" where granian is known to hide a value."""
    values = [value for each, value in items if each == name]
    return ["?", *values] if headers.get(name) is None and name in headers else values
