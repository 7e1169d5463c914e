"""Responses of the management API: JSON documents, and problems whose type leads to the documentation."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from simsim.management_problem import Internal, RateLimited, TooManyFollowers, Unauthenticated
from simsim.problem import MEDIA_TYPE, Problem, ServiceUnavailable, TooManyRequests

JSON = "application/json"
# Not a name of the console: a browser would ask for a password that the console does not know.
CHALLENGE = 'Basic realm="simsim management", charset="UTF-8"'
RETRY_SECONDS = 1
FOLLOW_AGAIN_SECONDS = 60
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a handler answers: a document, None for no content, and further headers."""

    document: Mapping[str, object] | None
    headers: Mapping[str, str] = field(default_factory=dict)


def response_of(answer: Answer, *, status: int) -> HttpResponse:
    """Return the answer as a response."""
    body = b"" if answer.document is None else written(answer.document)
    response = HttpResponse(body, status=status, content_type=JSON, headers=dict(answer.headers))
    if answer.document is None:
        del response.headers["Content-Type"]
    return response


def written(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def problem_response(problem: Problem) -> HttpResponse:
    """Return the problem document, with the headers that belong to its status."""
    document = problem.document() | {"type": type_of(problem)}
    response = HttpResponse(written(document), status=problem.status, content_type=MEDIA_TYPE)
    if isinstance(problem, Unauthenticated):
        response.headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(problem, RateLimited):
        response.headers["Retry-After"] = problem.params["seconds"]
    elif isinstance(problem, TooManyFollowers):
        response.headers["Retry-After"] = str(FOLLOW_AGAIN_SECONDS)
    elif isinstance(problem, TooManyRequests | ServiceUnavailable):
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def type_of(problem: Problem | type[Problem]) -> str:
    """Return the URL of the problem's description, in the documentation that the console serves."""
    return f"{settings.OPERATOR.base_url.rstrip('/')}/docs/reference/problems.html#{problem.slug}"


def bug_response(request: HttpRequest, error: Exception) -> HttpResponse:
    """Log an exception that nobody expected, and answer without a word about it."""
    log.error("the management API failed on %s %s", request.method, request.path, exc_info=error)
    return problem_response(Internal())
