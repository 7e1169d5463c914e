"""The standard variables of OpenTelemetry that say whether, where and how traces are exported."""

import os
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from simsim.problem import Unusable

# https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
EXPORTER = "OTEL_TRACES_EXPORTER"
DISABLED = "OTEL_SDK_DISABLED"
SAMPLER, SAMPLER_ARGUMENT = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
SAMPLERS = ("always_on", "always_off", "traceidratio")
# The library would continue with its default.
WHOLE_NUMBERS = ("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
SECONDS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_is_whole_number = re.compile(r"[1-9][0-9]{0,8}").fullmatch
_is_number = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?").fullmatch


def is_on(variables: Mapping[str, str] = os.environ) -> bool:
    """Return whether traces are exported: a collector is named, and nothing turns them off."""
    is_off = variables.get(DISABLED, "").strip().lower() == "true" or variables.get(EXPORTER, "").strip() == "none"
    return not is_off and any(variables.get(name, "").strip() for name in ENDPOINTS)


def prove_usable(variables: Mapping[str, str] = os.environ) -> None:
    """Raise Unusable, in one line that names the variable, where the library would go on with something else."""
    if not is_on(variables):
        return
    ratio = variables.get(SAMPLER_ARGUMENT, "").strip() or "1"
    rules: list[tuple[tuple[str, ...], Callable[[str], object], str]] = [
        ((EXPORTER,), "otlp".__eq__, "must be otlp or none"),
        (ENDPOINTS, is_collector, "must be a URL such as http://127.0.0.1:4318"),
        (PROTOCOLS, PROTOCOL.__eq__, f"must be {PROTOCOL}: Simsim exports traces in no other way"),
        ((SAMPLER,), is_sampler, "must be always_on, always_off or traceidratio, or one of them after parentbased_"),
        ((SAMPLER_ARGUMENT,), lambda text: _is_number(text) and 0 <= float(ratio) <= 1, "must be a number from 0 to 1"),
        (WHOLE_NUMBERS, _is_whole_number, "must be a whole number above 0"),
        (SECONDS, _is_number, "must be a number of seconds"),
    ]
    for names, is_usable, reason in rules:
        for name in names:
            text = variables.get(name, "").strip()
            if text and not is_usable(text):
                raise Unusable("%(name)s %(reason)s", name=name, reason=reason)


def is_collector(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def is_sampler(text: str) -> bool:
    return text.removeprefix("parentbased_") in SAMPLERS
