"""What every answer of the console has in common: its content security policy, and a page for each broken rule."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from simsim.console import errors
from simsim.problem import Problem

GetResponse = Callable[[HttpRequest], HttpResponse]
# No script and no style but our own files: a name that escaped its escaping would still run nowhere (T8).
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Send the policy with every answer."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return answer


def problems(get_response: GetResponse) -> GetResponse:
    """Show a Problem that leaves a view as the page that tells of it, with its status."""

    def answer(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    answer.process_exception = show_problem  # type: ignore[attr-defined]
    return answer


def show_problem(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    return errors.page(request, exception) if isinstance(exception, Problem) else None
