"""What a span may hold, and what becomes of spans that the collector does not take."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from otlp_receiver import Collector, collecting
from own_installation import DJANGO, environment_of, run_python
from simsim.operations.worker import Job, traced
from simsim.traces import spans
from simsim.traces.spans import Tracer

pytestmark = pytest.mark.covers("B21")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        yield collector


def test_fact_that_is_not_allowed_is_dropped(collector: Collector) -> None:
    tracer = Tracer("console")
    tracer.end(tracer.start("request"), {spans.STATUS: 200, "url.full": "/?password=secret", spans.TOKEN: ""})
    tracer.close()
    (span,) = collector.spans("simsim-console")
    assert span.attributes == {spans.STATUS: 200}


def test_operator_names_the_service(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "tokens")
    tracer = Tracer("console")
    tracer.end(tracer.start("request"), {})
    tracer.close()
    assert [span.program for span in collector.spans()] == ["tokens"]


def test_callers_method_is_one_of_the_usual() -> None:
    assert [spans.method_of(text) for text in ("GET", "get", "SIM_SECRET", "")] == ["GET", "_OTHER", "_OTHER", "_OTHER"]


def test_job_is_a_span_only_if_it_did_something_and_an_error_only_has_its_type(collector: Collector) -> None:
    tracer = Tracer("worker")
    done = iter([0, 3])
    run = traced(Job("mail", lambda: next(done), 1, 1), tracer)
    assert [run(), run()] == [0, 3]

    def fail() -> int:
        raise ValueError("sim_secret")

    with pytest.raises(ValueError, match="secret"):
        traced(Job("retention", fail, 1, 1), tracer)()
    tracer.close()
    found = {span.name: span.attributes for span in collector.spans()}
    assert found == {"mail": {spans.ITEMS: 3}, "retention": {spans.ERROR: "ValueError"}}
    assert not [body for body in collector.bodies if b"secret" in body]


def test_operator_is_told_once_a_minute_what_was_lost(collector: Collector) -> None:
    collector.status = 400
    said: list[str] = []
    exporter = spans.CollectorExporter(OTLPSpanExporter(), said.append)
    tracer = Tracer("gate")
    span = tracer.start("decide")
    tracer.end(span, {})
    for _ in range(3):
        exporter.export([span])  # type: ignore[list-item]
    assert said == ["The collector of traces does not answer, or refuses them. Lost spans: 1"]
    assert exporter.force_flush()
    exporter.shutdown()


def test_programs_without_traces_import_nothing_of_the_library(tmp_path: Path) -> None:
    code = "import sys, simsim.config.rsgi; print('opentelemetry' in sys.modules)"
    environment = environment_of(tmp_path, "") | DJANGO
    assert run_python("-c", code, environment=environment) == "False\n"
    named = environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    assert run_python("-c", code, environment=named) == "True\n"
