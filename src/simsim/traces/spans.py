"""The spans of one program: a name, times, and only those facts that the allowlist names."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

from simsim import __version__
from simsim.traces import settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

# A fact under any other name is dropped. No header, path, query, body, statement or message may be among them: each can
# hold a password. A method is one of METHODS, a route is the pattern of a URL, and an error is the name of its type.
METHOD, STATUS, ROUTE = "http.request.method", "http.response.status_code", "http.route"
ERROR, REASON, REQUEST, ACCOUNT, TOKEN = (
    "error.type", "simsim.reason", "simsim.request_id", "simsim.account_id", "simsim.token_id",
)  # fmt: skip
ITEMS = "simsim.items"
ALLOWED = frozenset({METHOD, STATUS, ROUTE, ERROR, REASON, REQUEST, ACCOUNT, TOKEN, ITEMS})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
CLOSE_SECONDS = 1.5
COMPLAINT_SECONDS = 60.0

# The `traceparent` of the console's request that is being answered, "" if no trusted proxy sent one.
given: ContextVar[str] = ContextVar("traceparent", default="")
# The id of that request, as the log of messages has it.
named: ContextVar[str] = ContextVar("named", default="")
log = logging.getLogger(__name__)


class CollectorExporter:
    """Hands spans to the exporter, and says at most once a minute that the collector did not take some."""

    def __init__(self, exporter: "SpanExporter", say: Callable[[str], None]) -> None:
        self._exporter = exporter
        self._say = say
        self._lost = 0
        self._said_at = -COMPLAINT_SECONDS

    def export(self, spans: "Sequence[ReadableSpan]") -> Any:
        result = self._exporter.export(spans)
        if result.value:  # SpanExportResult.SUCCESS is 0
            self._lost += len(spans)
            now = time.monotonic()
            if now - self._said_at >= COMPLAINT_SECONDS:
                self._say(f"The collector of traces does not answer, or refuses them. Lost spans: {self._lost}")
                self._lost, self._said_at = 0, now
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class Tracer:
    """Makes the spans of one program, and exports them in a thread of its own.

    A span that can't be exported is lost, and one that finds the queue full as well: nothing waits for the collector.
    """

    def __init__(self, program: str, *, say: Callable[[str], None] = log.warning) -> None:
        # A program without traces imports none of this: it would cost 20 MB and 0.2 s.
        from opentelemetry.context import Context  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace import SpanKind  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        # The library says that the queue is full for each span; we say once a minute what is lost.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        named = Resource.create({"service.version": __version__, "host.name": socket.gethostname()})
        if str(named.attributes[SERVICE_NAME]).startswith("unknown_service"):
            named = named.merge(Resource({SERVICE_NAME: f"simsim-{program}"}))
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(cast("SpanExporter", CollectorExporter(OTLPSpanExporter(), say)))
        )
        self._tracer = self._provider.get_tracer("simsim", __version__)
        self._extract = TraceContextTextMapPropagator().extract
        self._none = Context()
        self._kinds = {True: SpanKind.SERVER, False: SpanKind.INTERNAL}

    def start(self, name: str, *, parent: str = "", is_request: bool = False, began_ns: int | None = None) -> "Span":
        """Return a new span; `parent` is a `traceparent` (W3C Trace Context), and one in any other form is ignored."""
        context = self._extract({"traceparent": parent}, self._none) if parent else self._none
        return self._tracer.start_span(name, context, self._kinds[is_request], start_time=began_ns)

    @staticmethod
    def end(span: "Span", facts: Mapping[str, str | int]) -> None:
        """End the span with those of the facts that are allowed."""
        if ERROR in facts:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415

            span.set_status(StatusCode.ERROR)
        span.set_attributes({name: value for name, value in facts.items() if name in ALLOWED and value != ""})
        span.end()

    def close(self) -> None:
        """Export what is left, for as long as a program that ends can wait; later spans are lost."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def traceparent(span: "Span") -> str:
    """Return the header by which a child names the span as its parent."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def method_of(text: str) -> str:
    """Return the method if it is a usual one: a caller may send any text as a method."""
    return text if text in METHODS else "_OTHER"


def make_tracer(program: str, say: Callable[[str], None] = log.warning) -> Tracer | None:
    """Return the program's tracer, or None if traces are off."""
    return Tracer(program, say=say) if settings.is_on() else None
