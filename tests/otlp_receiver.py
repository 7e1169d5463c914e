"""A collector of traces for the tests: it decodes what arrives over OTLP/HTTP, or is slow, or refuses it."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Received:
    """One span: its ids in hexadecimal, and its attributes and its resource's as Python values."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    has_more: bool  # events, links, a state or a message of its status

    @property
    def program(self) -> str:
        return str(self.resource["service.name"])


@dataclass
class Collector:
    """`bodies` are the decoded requests as they came; `status` and `delay_seconds` are how it answers."""

    bodies: list[bytes] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    status: int = 200
    delay_seconds: float = 0.0
    ends: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def spans(self, program: str = "") -> list[Received]:
        found = [span for body in list(self.bodies) for span in decoded(body)]
        return [span for span in found if program in ("", span.program)]


def decoded(body: bytes) -> Iterator[Received]:
    message = ExportTraceServiceRequest()
    message.ParseFromString(body)
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
                    values(span.attributes), values(resource.resource.attributes),
                    bool(span.events or span.links or span.trace_state or span.status.message),
                )  # fmt: skip


def values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """Serve as a collector for as long as the context lasts."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.headers.append(str(self.headers))
            collector.bodies.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            collector.ends.wait(collector.delay_seconds)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    collector.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield collector
    finally:
        collector.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()
