"""The gate's servers when traces are on: each question becomes a span. Without traces, none of this runs."""

from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from simsim.gate.address import locate
from simsim.gate.answer import ACCOUNT_HEADER, REASON_HEADER, REQUEST_HEADER, TOKEN_HEADER
from simsim.gate.app import VERIFY
from simsim.gate.asgi import Receive, Scope, Send
from simsim.gate.request_id import parse_request_id
from simsim.traces import spans
from simsim.traces.spans import Tracer

if TYPE_CHECKING:
    from opentelemetry.trace import Span

NAME = "decide"
# Tells our gateway which span the API's spans belong to.
TRACE_HEADER = "X-Simsim-Traceparent"


class TracedRsgi:
    """The gate on its own socket, where every peer is ours or the gateway, which takes a trace from trusted proxies."""

    def __init__(self, application: Any, tracer: Tracer) -> None:
        self._application = application
        self._tracer = tracer

    def __rsgi_init__(self, loop: object) -> None:
        self._application.__rsgi_init__(loop)

    def __rsgi_del__(self, loop: object) -> None:
        self._application.__rsgi_del__(loop)
        self._tracer.close()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto == "http" and scope.path == VERIFY:
            span = self._tracer.start(NAME, parent=scope.headers.get("traceparent") or "", is_request=True)
            protocol = TracedProtocol(protocol, self._tracer, span, scope.headers.get("x-request-id") or "")
        await self._application.__rsgi__(scope, protocol)


class TracedProtocol:
    """The connection of one question: the answer names its span, and ends it."""

    def __init__(self, protocol: Any, tracer: Tracer, span: "Span", request_id: str) -> None:
        self._protocol = protocol
        self._tracer = tracer
        self._span = span
        self._request_id = request_id

    async def __call__(self) -> bytes:
        body: bytes = await self._protocol()
        return body

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._protocol.response_empty(status, [*headers, (TRACE_HEADER, spans.traceparent(self._span))])
        self._tracer.end(self._span, facts(status, headers, self._request_id))

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self._protocol.response_bytes(status, [*headers, (TRACE_HEADER, spans.traceparent(self._span))], body)
        self._tracer.end(self._span, facts(status, headers, self._request_id))


class TracedAsgi:
    """The gate on its TCP listener: only a trusted proxy gets a decision, and only its trace is continued.

    The answer does not name the span, because such a proxy may pass an answer's headers on to the caller.
    """

    def __init__(self, application: Any, tracer: Tracer, trusted: bytes) -> None:
        self._application = application
        self._tracer = tracer
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            self._tracer.close()
        elif scope["type"] == "http" and scope["path"] == VERIFY and self._is_trusted(scope):
            said = {name: value.decode("latin-1") for name, value in scope["headers"]}
            span = self._tracer.start(NAME, parent=said.get(b"traceparent", ""), is_request=True)

            async def send_traced(message: MutableMapping[str, Any]) -> None:
                await send(message)
                if message["type"] == "http.response.start":
                    headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
                    self._tracer.end(span, facts(message["status"], headers, said.get(b"x-request-id", "")))

            await self._application(scope, receive, send_traced)
        else:
            await self._application(scope, receive, send)

    def _is_trusted(self, scope: Scope) -> bool:
        client = scope.get("client")
        return locate(client[0] if client else None, (), self._trusted).is_trusted


def facts(status: int, headers: Iterable[tuple[str, str]], request_id: str) -> dict[str, str | int]:
    """Return what a span tells of an answer: ids and the reason, nothing that the caller wrote."""
    said = dict(headers)
    found: dict[str, str | int] = {
        spans.STATUS: status,
        spans.REASON: said.get(REASON_HEADER.lower(), "ok" if status == 204 else ""),
        spans.REQUEST: parse_request_id(request_id) or said.get(REQUEST_HEADER.lower(), ""),
        spans.ACCOUNT: said.get(ACCOUNT_HEADER.lower(), ""),
        spans.TOKEN: said.get(TOKEN_HEADER.lower(), ""),
    }
    return found | ({spans.ERROR: str(status)} if status >= 500 else {})
