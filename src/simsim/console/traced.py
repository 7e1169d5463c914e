"""A span for each request that Django answers, named by the pattern of its URL: the path itself may hold a secret."""

from collections.abc import Callable
from functools import cache

from django.http import HttpRequest, HttpResponse

from simsim.traces import spans

Handler = Callable[[HttpRequest], HttpResponse]


@cache
def console_tracer() -> spans.Tracer:
    """Return the one tracer of this process, which its server closes at the end."""
    return spans.Tracer("console")


def traced(get_response: Handler) -> Handler:
    """Export each request as a span. Only in use when traces are on."""
    tracer = console_tracer()

    def middleware(request: HttpRequest) -> HttpResponse:
        span = tracer.start("request", parent=spans.given.get(), is_request=True)
        response = get_response(request)
        method = spans.method_of(request.method or "")
        route = f"/{request.resolver_match.route}" if request.resolver_match else ""
        span.update_name(f"{method} {route}".rstrip())
        facts: dict[str, str | int] = {
            spans.METHOD: method, spans.ROUTE: route, spans.STATUS: response.status_code,
            spans.REQUEST: spans.named.get(),
        }  # fmt: skip
        tracer.end(span, facts | ({spans.ERROR: str(response.status_code)} if response.status_code >= 500 else {}))
        return response

    return middleware
