"""The page on which anybody who has found a password reports it; needs no sign-in (B4)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from simsim.accounts.client_address import address_of
from simsim.console.errors import sentence
from simsim.leak_reports.actions import ReportedPassword, is_password, report_leaks
from simsim.leak_reports.source_caps import count_report
from simsim.problem import TooManyRequests

FORM = "form"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest) -> HttpResponse:
    """Show the form, or take a report. The answer is the same for every password, whether or not it opens anything."""
    if request.method != "POST":
        return form_page(request)
    place = request.POST.get("place", "")
    try:
        count_report(address_of(request))
    except TooManyRequests as problem:
        return form_page(request, place=place, refusal=sentence(problem), status=problem.status)
    password = request.POST.get("password", "").strip()
    if not is_password(password):
        error = gettext(
            "This is not a complete password. A password begins with sim_ or simm_, and 49 letters and digits follow."
        )
        return form_page(request, place=place, error=error, status=422)
    report_leaks([ReportedPassword(password, source=FORM, place=place)], now=timezone.now())
    # A redirect, so that the browser keeps no form with the password.
    return redirect("console:leak_reported")


@require_safe
def reported(request: HttpRequest) -> HttpResponse:
    return render(request, "console/leaks/reported.html")


def form_page(
    request: HttpRequest, *, place: str = "", error: str = "", refusal: str = "", status: int = 200
) -> HttpResponse:
    """Return the form. The password is never filled in again."""
    context = {"place": place, "error": error, "refusal": refusal}
    return render(request, "console/leaks/report.html", context, status=status)
