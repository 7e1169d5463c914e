"""The page of one review: its rows, page by page, and a decision on each (B19)."""

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from simsim.access_reviews.actions import MAX_NOTE_LENGTH, decide, keep_rows
from simsim.access_reviews.models import AccessReview, Decision
from simsim.access_reviews.selectors import RowFilter, find_review, progress_of, rows_of
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.errors import sentence
from simsim.console.messages import say
from simsim.problem import DecisionStands, Invalid, Problem, TokenNotActive
from simsim.tokens.models import RevocationReason

PAGE_ROWS = 25
FILTERS = {
    RowFilter.ALL: _("Everything"),
    RowFilter.OPEN: _("Undecided"),
    RowFilter.NEVER_USED: _("Never used"),
    RowFilter.UNUSED: _("Unused for 90 days"),
    RowFilter.FAR_EXPIRY: _("No expiry within 90 days"),
    RowFilter.PEOPLE: _("People"),
}
KEEP_ALL = "keep_all"


@require_http_methods(["GET", "HEAD", "POST"])
@for_administrators
def access_review(access: AccountAccess, review_id: uuid.UUID) -> HttpResponse:
    """Show the rows that the filter in the URL chooses, or decide about one of them, or keep them all."""
    review = find_review(review_id, actor=access.actor, account=access.account)
    if access.request.method != "POST":
        return page_of(access, review)
    sent = access.request.POST
    if sent.get("press") == KEEP_ALL:
        return keep_all(access, review)
    given = {name: sent.get(name, "") for name in ("note", "expires", "reason")}
    try:
        row = decide(
            actor=access.actor, review=review, row_id=sent.get("row", ""), decision=sent.get("press", ""),
            **given, now=access.now,
        )  # fmt: skip
    except (Invalid, DecisionStands, TokenNotActive) as problem:
        return page_of(access, review, problem=problem)
    texts = {
        Decision.KEEP: gettext("“%(name)s” is kept."),
        Decision.SHORTEN: gettext("“%(name)s” expires earlier now."),
        Decision.REVOKE: gettext("“%(name)s” was revoked and no longer works."),
    }
    say(access.request, texts[Decision(row.decision)] % {"name": row.name})
    return redirect(address_of(access, review))


def keep_all(access: AccountAccess, review: AccessReview) -> HttpResponse:
    note = access.request.POST.get("note", "")
    try:
        kept = keep_rows(actor=access.actor, review=review, chosen=filter_in(access), note=note, now=access.now)
    except Invalid as problem:
        return page_of(access, review, problem=problem)
    text = ngettext("%(number)s entry is kept.", "%(number)s entries are kept.", kept)
    say(access.request, text % {"number": kept})
    return redirect(address_of(access, review))


def page_of(access: AccountAccess, review: AccessReview, *, problem: Problem | None = None) -> HttpResponse:
    chosen, progress = filter_in(access), progress_of(review, now=access.now)
    rows = rows_of(review, chosen=chosen, now=access.now).select_related("token", "management_token")
    page = Paginator(rows, PAGE_ROWS).get_page(access.request.GET.get("page"))
    context: dict[str, Any] = {
        "account": access.account,
        "now": access.now,
        "review": review,
        "progress": progress,
        "page": page,
        "filters": [(each.value, label, each == chosen) for each, label in FILTERS.items()],
        "chosen": chosen.value,
        "chosen_label": FILTERS[chosen],
        "reasons": RevocationReason.choices,
        "max_length": MAX_NOTE_LENGTH,
        "sent": access.request.POST,
        "error": sentence(problem) if problem else "",
    }
    status = problem.status if problem else 200
    return render(access.request, "console/access_reviews/review.html", context, status=status)


def filter_in(access: AccountAccess) -> RowFilter:
    """Return the filter in the URL; an unknown one shows everything."""
    wanted = access.request.GET.get("rows", "")
    return next((each for each in RowFilter if each == wanted), RowFilter.ALL)


def address_of(access: AccountAccess, review: AccessReview) -> str:
    """Return the address of the same part of the list."""
    kept = [(name, access.request.GET[name]) for name in ("rows", "page") if access.request.GET.get(name)]
    return reverse("console:access_review", args=[access.account.pk, review.pk]) + (
        f"?{urlencode(kept)}" if kept else ""
    )
