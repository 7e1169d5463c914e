"""The gate's servers with traces: each decision is one span, and only a trusted peer's trace is continued."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from gate_database import Database, basic
from otlp_receiver import Collector, collecting
from simsim.credential import allowlist
from simsim.gate import traced
from simsim.gate.app import Gate
from simsim.gate.asgi import Asgi
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.rsgi import Rsgi
from simsim.gate.spool import Spool
from simsim.traces.spans import Tracer

pytestmark = pytest.mark.covers("B21")
TRACE, PARENT, REQUEST = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "0123456789abcdef" * 2
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@dataclass
class Scope:
    """What granian's RSGI passes to an application, and where the answer goes."""

    headers: Any
    path: str = "/gate/verify"
    proto: str = "http"
    method: str = "GET"
    client: str = ""
    body: bytes = b""
    answers: list[Any] = field(default_factory=list)

    async def __call__(self) -> bytes:
        return self.body

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.answers.append((status, dict(headers)))

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answers.append((status, dict(headers)))

    def close(self, status: int) -> None:
        self.answers.append((status, {}))


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        yield collector


@pytest.fixture
def tracer(collector: Collector) -> Tracer:
    return Tracer("gate")


def decide(application: Any, scope: Scope) -> tuple[int, dict[str, str]]:
    asyncio.run(application.__rsgi__(scope, scope))
    ((status, headers),) = scope.answers
    return status, headers


def test_decision_is_a_span_of_the_proxys_trace(
    gate: Gate, database: Database, tracer: Tracer, collector: Collector
) -> None:
    authorization = basic(database.add()).decode()
    said = {"authorization": authorization, "x-forwarded-for": "203.0.113.9", "x-request-id": REQUEST}
    application = traced.TracedRsgi(Rsgi(gate), tracer)
    status, headers = decide(application, Scope(said | {"traceparent": TRACEPARENT}))
    application.__rsgi_del__(None)
    assert status == 204
    (span,) = collector.spans()
    assert (span.trace_id, span.parent_id) == (TRACE, PARENT)
    assert headers["X-Simsim-Traceparent"] == f"00-{TRACE}-{span.span_id}-01"
    assert span.attributes == {
        "http.response.status_code": 204, "simsim.reason": "ok", "simsim.request_id": REQUEST,
        "simsim.account_id": headers["x-simsim-account"], "simsim.token_id": headers["x-simsim-token"],
    }  # fmt: skip


def test_refusal_and_outage_have_a_reason_and_nothing_that_the_caller_sent(
    gate: Gate, database: Database, tracer: Tracer, collector: Collector
) -> None:
    application = traced.TracedRsgi(Rsgi(gate), tracer)
    body = Scope({"content-length": "5", "traceparent": "sim_secret"}, body=b"/a\n203.0.113.9\nBasic sim_secret")
    assert decide(application, body)[0] == 401
    said = {"authorization": basic(database.add()).decode(), "x-forwarded-for": "203.0.113.9"}
    database.path.rename(database.path.with_name("away"))
    assert decide(application, Scope(said))[0] == 503
    tracer.close()
    refused, undecided = sorted(collector.spans(), key=lambda span: str(span.attributes["http.response.status_code"]))
    assert refused.attributes.keys() == {"http.response.status_code", "simsim.reason", "simsim.request_id"}
    assert (undecided.attributes["simsim.reason"], undecided.attributes["error.type"]) == ("unavailable", "503")
    assert not [body for body in collector.bodies if b"secret" in body]


def test_other_paths_and_protocols_are_no_spans(gate: Gate, tracer: Tracer, collector: Collector) -> None:
    class Server(Rsgi):
        began = False

        def __rsgi_init__(self, loop: object) -> None:
            self.began = True

    server = Server(gate)
    application = traced.TracedRsgi(server, tracer)
    application.__rsgi_init__(None)
    assert server.began
    assert decide(application, Scope({}, path="/healthz"))[0] == 200
    assert decide(application, Scope({}, proto="ws"))[0] == 404
    tracer.close()
    assert collector.spans() == []


def ask(application: Any, client: Any, headers: dict[bytes, bytes], path: str = "/gate/verify") -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "lifespan.shutdown"}

    kind = "lifespan" if client == "nobody" else "http"
    scope = {"type": kind, "path": path, "method": "GET", "client": client, "headers": [*headers.items()]}
    asyncio.run(application(scope, receive, send))
    return sent


def test_listener_continues_the_trace_of_a_trusted_proxy_only(
    database: Database, spool_dir: Any, tracer: Tracer, collector: Collector
) -> None:
    network = allowlist.parse_network("192.0.2.1")
    assert not isinstance(network, allowlist.Fault)
    trusted = allowlist.pack([network])
    gate = Gate(SqliteLookup(database.path), Spool(spool_dir), trusted)
    application = traced.TracedAsgi(Asgi(gate), tracer, trusted)
    headers = {b"authorization": basic(database.add()), b"traceparent": TRACEPARENT.encode()}
    accepted = ask(application, ("192.0.2.1", 1), headers)
    assert accepted[0]["status"] == 204
    # Such a proxy may pass an answer's headers on to the caller.
    assert not [name for name, _ in accepted[0]["headers"] if b"trace" in name]
    assert ask(application, ("198.51.100.1", 1), headers)[0]["status"] == 404
    assert ask(application, ("192.0.2.1", 1), {}, path="/healthz")[0]["status"] == 200
    ask(application, "nobody", {})
    (span,) = collector.spans()
    assert (span.trace_id, span.attributes["simsim.reason"]) == (TRACE, "ok")
    assert len(span.attributes["simsim.request_id"]) == 32
