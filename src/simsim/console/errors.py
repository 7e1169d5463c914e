"""Error pages that say what happened and what to do next."""

from dataclasses import dataclass
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.views.decorators.csrf import requires_csrf_token

from simsim.problem import Invalid, Problem


@dataclass(frozen=True)
class Explanation:
    """What an error page says: `advice` is the next step, `icon` a Lucide name."""

    status: int
    title: str
    detail: str
    advice: str = ""
    icon: str = "circle-alert"


def sentence(problem: Problem) -> str:
    """Return the problem's message in the reader's language."""
    if isinstance(problem, Invalid):
        return " ".join(gettext(error.message) % error.params for error in problem.errors)
    text = problem.detail or problem.title
    return gettext(text) % problem.params if problem.params else gettext(text)


def problem_page(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return the error page of a Problem, with its status."""
    if problem.status == HTTPStatus.NOT_FOUND:
        return not_found(request)
    return page_of(request, Explanation(problem.status, gettext(problem.title), sentence(problem)))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    detail = gettext("You are signed in, but you don’t have access to this page.")
    return page_of(request, Explanation(403, gettext("Not permitted"), detail, icon="lock"))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    # One text for pages that do not exist and pages of other accounts, so that nobody can tell them apart (T13).
    detail = gettext("There is nothing at this address, or your account has no access to it.")
    advice = gettext("If you followed a link, ask the person who sent it. The page may have moved.")
    return page_of(request, Explanation(404, gettext("Page not found"), detail, advice, "search-x"))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    detail = gettext("The browser sent something that could not be read. Nothing was changed.")
    return page_of(request, Explanation(400, gettext("Bad request"), detail, gettext("Go back and try again.")))


@requires_csrf_token
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    detail = gettext(
        "For your safety, a form works only for a limited time and only in the browser that opened it. "
        "Nothing was changed."
    )
    advice = gettext(
        "Go back, reload the page, and send the form again. Your browser must allow cookies for this site."
    )
    return page_of(request, Explanation(403, gettext("This form has expired"), detail, advice, "timer-off"))


def server_error(request: HttpRequest) -> HttpResponse:
    # Without a context, because the frame of other pages reads the database, which may be what failed.
    del request
    return HttpResponse(render_to_string("console/server_error.html"), status=HTTPStatus.INTERNAL_SERVER_ERROR)


def page_of(request: HttpRequest, explanation: Explanation) -> HttpResponse:
    return render(request, "console/problem.html", {"problem": explanation}, status=explanation.status)
