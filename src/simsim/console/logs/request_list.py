"""The list on the log's page: one page of requests, searched for a short time, and how the search continues."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.http import urlencode

from simsim.account_log.requests import requests_of
from simsim.console.account_access import AccountAccess
from simsim.console.logs.active_filters import active_filters
from simsim.console.logs.filter_form import LogFilterForm
from simsim.console.logs.filter_targets import FilterTargets
from simsim.console.logs.floods import flood_line
from simsim.console.logs.live_updates import down_to, follow_context
from simsim.console.logs.rows import LogRow, rows
from simsim.pagination import parse_cursor
from simsim.request_log.row_ids import moment_of
from simsim.request_log.search.export import Format
from simsim.request_log.search.selectors import RequestPage

PAGE_REQUESTS = 50
# The first response is sent quickly, with the rows found so far, and the page then continues automatically. If only a
# link continues the search, each response may take longer.
PATIENCE_SECONDS = 0.04
PATIENCE_BY_ITSELF_SECONDS = 0.25
PATIENCE_BY_LINK_SECONDS = 1.0
# The number of times that a page continues automatically. This takes about ten seconds; then the page waits for a
# click.
MAX_TURNS = 40


def find_page(access: AccountAccess, form: LogFilterForm) -> RequestPage:
    """Return the page that the URL names, or as much of it as is found quickly."""
    if form.errors:
        return RequestPage([], None)
    by_link = form.cursor and not access.request.headers.get("HX-Request")
    return requests_of(
        access.account, actor=access.actor, filters=form.filters, limit=PAGE_REQUESTS, cursor=form.cursor or None,
        patience_seconds=PATIENCE_BY_LINK_SECONDS if by_link else PATIENCE_SECONDS,
    )  # fmt: skip


def continue_page(access: AccountAccess, form: LogFilterForm, *, below: str, listed: int) -> RequestPage:
    """Return the rest of a page with `listed` requests so far; raise Invalid for an invalid cursor."""
    return requests_of(
        access.account, actor=access.actor, filters=form.filters, limit=PAGE_REQUESTS - listed, cursor=below,
        patience_seconds=PATIENCE_BY_ITSELF_SECONDS,
    )  # fmt: skip


def refresh_page(access: AccountAccess, form: LogFilterForm, reached: str) -> RequestPage:
    """Return the current state of a page; `reached` is the cursor where its search ran out of time, or "".

    Raise Invalid for an invalid cursor.
    """
    asked = down_to(form, reached) if reached else form
    page = requests_of(
        access.account, actor=access.actor, filters=asked.filters, limit=PAGE_REQUESTS,
        patience_seconds=PATIENCE_BY_LINK_SECONDS,
    )  # fmt: skip
    if reached and page.next_cursor is None:
        return RequestPage(page.items, reached, moment_of(parse_cursor(reached)))
    return page


def list_context(
    access: AccountAccess, form: LogFilterForm, chosen: FilterTargets, page: RequestPage, *,
    shown: LogRow | None = None, before: int = 0, turn: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return the list's context; `before` requests are listed already, and `turn` counts the continuations."""
    listed = before + len(page.items)
    account = access.account
    # A full page is complete, even if the search ran out of time at its last request.
    searched_until = page.searched_until if listed < PAGE_REQUESTS else None
    goes_on = ""
    # A page that follows the log shows the newest requests; it continues to older ones only if the link is followed.
    if searched_until and page.next_cursor and turn < MAX_TURNS and not form.is_following:
        # This is separate from the page's own cursor, because the links in its rows lead back to that cursor.
        progress = urlencode({"below": page.next_cursor, "listed": str(listed), "turn": str(turn + 1)})
        query = form.query()
        goes_on = f"{reverse('console:more_requests', args=[account.pk])}{query}{'&' if query else '?'}{progress}"
    context = {
        "account": account,
        "logs": reverse("console:logs", args=[account.pk]),
        "form": form,
        "active_filters": active_filters(form, chosen),
        "page": page,
        "searched_until": searched_until,
        "rows": rows(page.items, account=account, actor=access.actor, now=access.now),
        "shown": shown,
        "listed": listed,
        "is_continued": turn > 0,
        "goes_on": goes_on,
        "older": form.query({"cursor": page.next_cursor}) if page.next_cursor else "",
        "newest": form.query({"cursor": ""}),
        "flood": None if turn else flood_line(access, form, page),
        "exports": {name.value: form.export_query(name) for name in Format},
        "retention_days": settings.OPERATOR.log_retention_days,
    }
    return context | follow_context(access, form, context)
