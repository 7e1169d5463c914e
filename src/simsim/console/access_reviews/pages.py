"""The page *Access reviews*: the past ones, the current one, and how often one starts by itself (B19)."""

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods

from simsim.access_reviews.actions import export_review, sign_off, start_review
from simsim.access_reviews.documents import FileFormat
from simsim.access_reviews.models import AccessReview, Interval
from simsim.access_reviews.schedule import schedule_of, set_schedule
from simsim.access_reviews.selectors import find_review, progress_of, reviews_of
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.console.recent_authentication import demand_recent_authentication
from simsim.problem import Invalid, NotFound, ReviewIncomplete

TYPES = {FileFormat.CSV: "text/csv; charset=utf-8; header=present", FileFormat.JSON: "application/json"}


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def access_reviews(access: AccountAccess) -> HttpResponse:
    """Show the reviews and the schedule, start a review, or change the schedule."""
    if access.request.method == "POST":
        return start(access) if access.request.POST.get("press") == "start" else choose_schedule(access)
    reviews = list(reviews_of(access.account, actor=access.actor))
    current = next((review for review in reviews if review.signed_off_at is None), None)
    context = {
        "account": access.account,
        "now": access.now,
        "current": current,
        "progress": progress_of(current, now=access.now) if current else None,
        "past": [(review, progress_of(review, now=access.now)) for review in reviews if review.signed_off_at],
        "schedule": schedule_of(access.account, actor=access.actor),
        "intervals": Interval.choices,
    }
    return render(access.request, "console/access_reviews/reviews.html", context)


def start(access: AccountAccess) -> HttpResponse:
    review = start_review(actor=access.actor, account=access.account, now=access.now)
    say(access.request, gettext("The review has started. It shows what grants access now."))
    return redirect("console:access_review", access.account.pk, review.pk)


def choose_schedule(access: AccountAccess) -> HttpResponse:
    try:
        every = access.request.POST.get("every", "")
        set_schedule(actor=access.actor, account=access.account, every=every, now=access.now)
    except Invalid:
        # Only a changed form sends another value.
        raise NotFound from None
    say(access.request, gettext("The schedule was saved."))
    return redirect("console:access_reviews", access.account.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def sign(access: AccountAccess, review_id: uuid.UUID) -> HttpResponse:
    """Ask for the name, then sign the review off. While rows are undecided, or once it is signed, show the review."""
    review = find_review(review_id, actor=access.actor, account=access.account)
    if access.request.method != "POST":
        if review.signed_off_at or progress_of(review, now=access.now).open:
            return redirect("console:access_review", access.account.pk, review.pk)
        return question(access, review)
    demand_recent_authentication(access.request)
    name = access.request.POST.get("name", "")
    try:
        sign_off(actor=access.actor, review=review, name=name, now=access.now)
    except Invalid as problem:
        return question(access, review, name=name, error=sentence(problem), status=problem.status)
    except ReviewIncomplete as problem:
        say(access.request, sentence(problem))
        return redirect("console:access_review", access.account.pk, review.pk)
    say(access.request, gettext("The review is signed off. Export it for your auditors."))
    return redirect("console:access_review", access.account.pk, review.pk)


def question(
    access: AccountAccess, review: AccessReview, *, name: str = "", error: str = "", status: int = 200
) -> HttpResponse:
    progress = progress_of(review, now=access.now)
    context = {"account": access.account, "review": review, "progress": progress, "name": name, "error": error}
    return render(access.request, "console/access_reviews/sign_off.html", context, status=status)


# No HEAD, because that would record an export and send nothing.
@require_GET
@for_administrators
def export(access: AccountAccess, review_id: uuid.UUID) -> HttpResponse:
    """Send the file for auditors; the export is an event itself."""
    review = find_review(review_id, actor=access.actor, account=access.account)
    try:
        form = FileFormat(access.request.GET.get("format", ""))
    except ValueError:
        raise NotFound from None
    file = export_review(actor=access.actor, review=review, form=form, now=access.now)
    name = f"access-review-{review.started_at:%Y-%m-%d}.{form}"
    return HttpResponse(
        file, content_type=TYPES[form], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
