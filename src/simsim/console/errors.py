"""The pages for what went wrong: each says what it means and where to go on."""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from simsim.problem import BadRequest, NotFound, NotPermitted, Problem


def page(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return the page that tells of the problem."""
    detail = _(problem.detail) if problem.detail else ""
    context = {
        "status": problem.status,
        "title": _(problem.title),
        "detail": detail % problem.params if problem.params else detail,
    }
    return HttpResponse(render_to_string("console/error.html", context, request), status=problem.status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, BadRequest())


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, NotPermitted())


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return page(request, NotFound())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return HttpResponse(render_to_string("console/form_expired.html", {}, request), status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    # Without the request: what failed may be the database that the page's frame reads the person from.
    return HttpResponse(render_to_string("console/server_error.html"), status=500)
