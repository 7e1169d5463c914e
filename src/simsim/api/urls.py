"""The addresses of the management API: its operations, its OpenAPI document, and pages for reading it."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser

from simsim.api import (  # noqa: F401 - importing them declares their operations
    account_log,
    accounts,
    hand_overs,
    incident,
    leaks,
    log_streams,
    management_tokens,
    notices,
    oauth,
    operator,
    own_token,
    people,
    policies,
    portal,
    rate_limits,
    sent_emails,
    sign_in_policies,
    token_passwords,
    token_requests,
    tokens,
    webhooks,
)
from simsim.api.description import TITLE, VERSION
from simsim.api.document_pages import document_view, reader_view
from simsim.api.operation import OPERATIONS, router
from simsim.api.responses import bug_response, problem_response
from simsim.problem import BadRequest, FieldError, Invalid, MethodNotAllowed, NotFound, Problem, gettext_noop

NAMESPACE = "api"


class ParsedBody(Parser):
    """Gives the framework the body that the door has parsed."""

    def parse_body(self, request: HttpRequest) -> Any:
        found: Any = request.parsed_body  # type: ignore[attr-defined]
        return found


api = NinjaAPI(
    title=TITLE, version=VERSION, openapi_url=None, docs_url=None, urls_namespace=NAMESPACE, parser=ParsedBody()
)


@api.exception_handler(Problem)
def refuse(request: HttpRequest, problem: Problem) -> HttpResponse:
    del request
    return problem_response(problem)


@api.exception_handler(ValidationError)
def explain(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Name each field or parameter that the models refuse."""
    del request
    return problem_response(Invalid(*(field_error(each) for each in error.errors)))


def field_error(error: dict[str, Any]) -> FieldError:
    # The location is the source, in a body the parameter's name in our code, and the path inside it.
    inside = error["loc"][2 if error["loc"][0] == "body" else 1 :]
    name = ".".join(str(part) for part in inside) or "body"
    if error["type"] == "extra_forbidden":
        return FieldError(name, gettext_noop("There is no field or parameter with this name."))
    return FieldError(name, "%(message)s", {"message": f"{error['msg']}."})


@api.exception_handler(Http404)
def not_found(request: HttpRequest, error: Exception) -> HttpResponse:
    del request, error
    return problem_response(NotFound())


@api.exception_handler(HttpError)
def bad_request(request: HttpRequest, error: Exception) -> HttpResponse:
    del request, error
    return problem_response(BadRequest())


@api.exception_handler(Exception)
def bug(request: HttpRequest, error: Exception) -> HttpResponse:
    return bug_response(request, error)


def with_rate_limits(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view with a problem document for a wrong method, and with the headers of the rate limit."""

    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code == MethodNotAllowed.status:
            allow = ", ".join(sorted(response.headers["Allow"].split(", ")))
            detail = gettext_noop("Use one of these methods here: %(methods)s.")
            response = problem_response(MethodNotAllowed(detail, methods=allow))
            response.headers["Allow"] = allow
        rate_limits.add_headers(request, response)
        return response

    answered.csrf_exempt = True  # type: ignore[attr-defined]
    return answered


def nowhere(request: HttpRequest) -> HttpResponse:
    """Answer any other address below the API."""
    del request
    return problem_response(NotFound())


def addresses() -> list[URLPattern]:
    """Return the patterns of the operations, wrapped."""
    api.add_router("", router)
    patterns, _, _ = api.urls
    found = [pattern for pattern in patterns if isinstance(pattern, URLPattern) and pattern.name != "api-root"]
    # The first match wins: /requests/export before /requests/<request_id>.
    found.sort(key=lambda pattern: str(pattern.pattern).endswith(">"))
    for pattern in found:
        pattern.callback = with_rate_limits(pattern.callback)
    return found


__all__ = ["OPERATIONS", "api", "urlpatterns"]
app_name = NAMESPACE
nowhere.csrf_exempt = True  # type: ignore[attr-defined]
urlpatterns = [
    *addresses(),
    path("oauth/introspect", oauth.introspect, name="introspect"),
    path("oauth/revoke", oauth.revoke, name="revoke"),
    path("openapi.json", document_view, name="openapi"),
    path("docs", reader_view, name="docs"),
    re_path(r"^.*$", nowhere, name="nowhere"),
]
