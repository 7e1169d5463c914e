"""Traces reach a collector, hold no secret, and harm nothing when the collector is away."""

import base64
import contextlib
import http.client
import json
import time
import urllib.parse
from collections.abc import Iterator

import pytest

import preloaded
from console_session import Browser
from otlp_receiver import Collector, Received, collecting
from postgresql_server import free_port
from settings_for_tests import ON_POSTGRESQL
from simsim.traces.spans import ALLOWED
from stack import PASSWORD, Stack, basic, started

pytestmark = [pytest.mark.covers("B21"), pytest.mark.timeout(600)]
PROXY, STRANGER = "127.0.0.2", "127.0.0.1"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PLANTED = ["planted-in-the-query", "planted-in-the-path", "planted-in-a-header", "planted-in-the-body", PASSWORD]
LOST = "The collector of traces does not answer, or refuses them"
HEADERS = {
    "Traceparent": f"00-{TRACE}-{PARENT}-01",
    "Tracestate": "vendor=planted-in-a-header",
    "Baggage": "password=planted-in-a-header",
    "User-Agent": "planted-in-a-header",
    "Cookie": "sessionid=planted-in-a-header",
}


def environment(port: int) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20of-the-collector", "SIMSIM_TRUSTED_PROXIES": PROXY,
    }  # fmt: skip


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def stack(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("stack"), ON_POSTGRESQL, settings=environment(collector.port))
    with started(made) as stack:
        yield stack


def call(stack: Stack, source: str, auth: tuple[str, str], path: str) -> tuple[int, dict[str, str]]:
    """Call the API through the gateway with planted secrets; return the status, and the headers that the API got."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.gateway_port, timeout=20, source_address=(source, 0))
    with contextlib.closing(connection):
        connection.request("GET", path, headers=HEADERS | basic(auth))
        answer = connection.getresponse()
        body = answer.read()
    reached = {name.lower(): value for name, value in json.loads(body)} if answer.status == 200 else {}
    return answer.status, reached


def spans_of(stack: Stack, collector: Collector, program: str, count: int, **facts: object) -> list[Received]:
    """Return the spans with these facts once so many have arrived."""

    def found() -> list[Received]:
        wanted = {name.replace("__", "."): value for name, value in facts.items()}
        return [span for span in collector.spans(program) if wanted.items() <= span.attributes.items()]

    stack.wait_until(lambda: len(found()) >= count, f"{count} spans of {program} with {facts}", seconds=15)
    return found()


def found_in(texts: list[bytes], secrets: set[str], username: str) -> set[str]:
    """Return the secrets that are in the texts: as they are, in Base64, also with the username, or as in a URL."""

    def forms(secret: str) -> Iterator[str]:
        yield from (secret, urllib.parse.quote(secret), urllib.parse.quote_plus(secret))
        for text in (secret, f"{username}:{secret}"):
            yield base64.b64encode(text.encode()).decode().rstrip("=")

    lower = [text.lower() for text in texts]
    return {
        secret for secret in secrets for form in forms(secret) if any(form.lower().encode() in text for text in lower)
    }


def test_trace_of_a_trusted_proxy_goes_through_the_gate_to_the_api(stack: Stack, collector: Collector) -> None:
    token = stack.create_token("Traced")
    status, reached = call(stack, PROXY, (token["username"], token["password"]), "/headers?q=planted-in-the-query")
    assert status == 200
    (span,) = spans_of(stack, collector, "simsim-gate", 1, simsim__token_id=token["id"])
    assert (span.trace_id, span.parent_id) == (TRACE, PARENT)
    assert reached["traceparent"] == f"00-{TRACE}-{span.span_id}-01"
    assert reached["tracestate"] == HEADERS["Tracestate"]
    assert (span.name, span.attributes["simsim.reason"]) == ("decide", "ok")
    assert span.attributes["simsim.request_id"] == reached["x-request-id"]
    assert "x-simsim-traceparent" not in reached


def test_trace_of_a_stranger_is_not_continued(stack: Stack, collector: Collector) -> None:
    token = stack.create_token("Of a stranger")
    status, reached = call(stack, STRANGER, (token["username"], token["password"]), "/headers")
    assert status == 200
    (span,) = spans_of(stack, collector, "simsim-gate", 1, simsim__token_id=token["id"])
    assert span.trace_id != TRACE
    assert span.parent_id == ""
    assert reached["traceparent"].startswith(f"00-{span.trace_id}-{span.span_id}-")
    assert "tracestate" not in reached


def test_no_secret_and_no_fact_beside_the_allowlist_is_in_a_trace(stack: Stack, collector: Collector) -> None:
    token = stack.create_token("With secrets")
    auth = (token["username"], token["password"])
    for source in (PROXY, STRANGER):
        call(stack, source, auth, f"/headers?password={token['password']}&q=planted-in-the-query")
        call(stack, source, auth, "/planted-in-the-path")
        call(stack, source, (token["username"], "planted-in-the-body"), "/headers")
    stack.get("/headers", auth=auth, method="POST", body=b"planted-in-the-body", headers=HEADERS)
    stack.get("/", method="PLANTED-IN-A-HEADER", port=stack.console_port, headers=HEADERS)
    stack.get(f"/sign-in/planted-in-the-path/{token['password']}?q=planted-in-the-query", port=stack.console_port)
    Browser(stack).read(f"/accounts/{stack.account}/tokens/?q=planted-in-the-query&password={token['password']}")
    spans_of(stack, collector, "simsim-console", 1, http__response__status_code=200)
    spans_of(stack, collector, "simsim-gate", 1, simsim__reason="unknown_credentials")
    spans_of(stack, collector, "simsim-worker", 1)
    time.sleep(0.5)

    keys = [path.read_text().strip() for path in (stack.data / "keys").glob("*")]
    secrets = {token["password"], PASSWORD, "of-the-collector", *keys}
    assert not found_in(collector.bodies, {*PLANTED, *secrets}, token["username"])
    # The messages on stderr and the metrics hold none either. A path that was not found may be in a message.
    messages = [path.read_bytes() for path in stack.directory.glob("*.log")]
    metrics = preloaded.run(["monitoring", "metrics"], env=stack.environment).stdout.encode()
    assert b"simsim_decisions_total" in metrics
    assert not found_in([*messages, metrics], secrets, token["username"])
    for span in collector.spans():
        assert set(span.attributes) <= ALLOWED
        assert not span.has_more
        assert set(span.resource) <= {
            "service.name", "service.version", "service.instance.id", "host.name", "telemetry.sdk.language",
            "telemetry.sdk.name", "telemetry.sdk.version",
        }  # fmt: skip
    assert all("Bearer of-the-collector" in headers for headers in collector.headers)


def test_requests_of_the_console_are_named_by_their_pattern(stack: Stack, collector: Collector) -> None:
    stack.get("/sign-in/login/", port=stack.console_port)
    span, *_ = spans_of(stack, collector, "simsim-console", 1, http__route="/sign-in/login/")
    assert span.name == "GET /sign-in/login/"
    names = {span.name for span in collector.spans("simsim-console")}
    assert not [name for name in names if stack.account in name]


@pytest.mark.any_database
def test_spans_that_wait_are_sent_before_a_program_ends(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> None:
    settings = environment(collector.port) | {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_SERVICE_NAME": "ending"}
    stack = Stack(tmp_path_factory.mktemp("ending"), ON_POSTGRESQL, settings=settings)
    with started(stack, is_served_only=True):
        assert stack.ask_gate(stack.create_token("Last")) == 204
        assert stack.get("/sign-in/login/", port=stack.console_port).status == 200
        assert collector.spans("ending") == []
    assert {span.name for span in collector.spans("ending")} == {"decide", "GET /sign-in/login/"}


@pytest.mark.any_database
@pytest.mark.parametrize("is_slow", [False, True], ids=["away", "slow"])
def test_collector_that_is_away_or_slow_harms_nothing(tmp_path_factory: pytest.TempPathFactory, is_slow: bool) -> None:
    with contextlib.ExitStack() as open_ones:
        port = free_port()
        if is_slow:
            collector = open_ones.enter_context(collecting(port))
            collector.delay_seconds = 30.0
        settings = environment(port) | {"OTEL_BSP_MAX_QUEUE_SIZE": "20", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10"}
        settings["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1"
        stack = Stack(tmp_path_factory.mktemp("harm"), ON_POSTGRESQL, settings=settings)
        with started(stack, is_served_only=True):
            token = stack.create_token("Unharmed")
            took = []
            for _ in range(200):
                began = time.monotonic()
                assert stack.ask_gate(token) == 204
                took.append(time.monotonic() - began)
            assert stack.get("/sign-in/login/", port=stack.console_port).status == 200
            assert sorted(took)[150] < 0.5
            said = stack.directory / "serve.log"
            stack.wait_until(lambda: LOST in said.read_text(), "the operator is told", seconds=15)
            began = time.monotonic()
            stack.stop_serving()
            assert time.monotonic() - began < 15
    assert "of-the-collector" not in said.read_text()
    assert said.read_text().count(LOST) <= 5, "each process says it at most once a minute"


@pytest.mark.any_database
def test_unusable_variable_stops_the_start(stack: Stack) -> None:
    said = stack.fail("serve", OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf" in said
