"""OpenTelemetry's own variables: what turns traces on, and what stops the start."""

import pytest

from simsim.problem import Unusable
from simsim.traces import settings

pytestmark = pytest.mark.covers("B21")
ON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


def test_traces_are_off_unless_a_collector_is_named() -> None:
    assert not settings.is_on({})
    assert not settings.is_on({"OTEL_EXPORTER_OTLP_ENDPOINT": " "})
    assert settings.is_on(ON)
    assert settings.is_on({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector.example/v1/traces"})
    assert not settings.is_on(ON | {"OTEL_SDK_DISABLED": "TRUE"})
    assert not settings.is_on(ON | {"OTEL_TRACES_EXPORTER": "none"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:port"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "10%"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
    ],
)
def test_variable_that_the_library_would_ignore_stops_the_start(name: str, text: str) -> None:
    with pytest.raises(Unusable, match=f"^{name} must be "):
        settings.prove_usable(ON | {name: text})
    settings.prove_usable({name: text, "OTEL_SDK_DISABLED": "true"})


def test_usable_variables_pass() -> None:
    settings.prove_usable(
        ON | {
            "OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01",
            "OTEL_BSP_SCHEDULE_DELAY": "1000", "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5",
        }
    )  # fmt: skip
