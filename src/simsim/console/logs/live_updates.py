"""Live updates: the newest page of the log polls for changes, and is sent again only if it has changed."""

import dataclasses
import hashlib
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from simsim.console.account_access import AccountAccess
from simsim.console.logs.filter_form import FOLLOW, LogFilterForm
from simsim.pagination import parse_cursor
from simsim.request_log.row_ids import moment_of
from simsim.request_log.search.selectors import RequestPage

# The interval at which the page polls; the template passes it to htmx.
EVERY_SECONDS = 2


def is_followed(form: LogFilterForm, shown: object) -> bool:
    """Whether new requests appear automatically.

    They don't while a request is open or older requests are shown, because the list would move.
    """
    return form.is_following and not form.cursor and shown is None and not form.errors


def follow_context(access: AccountAccess, form: LogFilterForm, context: dict[str, Any]) -> dict[str, Any]:
    """Return the context for live updates; `context` is the list's."""
    query = form.query({"follow": FOLLOW})
    page: RequestPage = context["page"]
    asked = {"known": fingerprint(context)}
    if page.searched_until and page.next_cursor:
        asked["down_to"] = page.next_cursor
    newer = reverse("console:newest_requests", args=[access.account.pk])
    is_on = is_followed(form, context["shown"])
    return {
        "is_followed": is_on,
        "follows_at": f"{newer}{query}&{urlencode(asked)}" if is_on else "",
        "follow": form.query({"follow": FOLLOW, "cursor": ""}),
        "stop_following": form.query({"follow": ""}),
        "every_seconds": EVERY_SECONDS,
    }


def fingerprint(context: dict[str, Any]) -> str:
    """Return a text that changes with everything that the list shows; much cheaper than rendering the list."""
    seen = [
        (
            row.request.pk, row.request.status, row.request.outcome, row.request.cause, row.request.duration_seconds,
            row.token and (row.token.name, row.token.status(row.now), row.token.allowed_networks),
        )
        for row in context["rows"]
    ]  # fmt: skip
    return hashlib.sha256(repr((seen, context["older"], context["flood"])).encode()).hexdigest()[:16]


def down_to(form: LogFilterForm, cursor: str) -> LogFilterForm:
    """Return the filters limited to what the page has searched already, so that polling takes no longer.

    Raise Invalid for an invalid cursor.
    """
    since = moment_of(parse_cursor(cursor))
    if form.filters.since is not None:
        since = max(since, form.filters.since)
    return dataclasses.replace(form, filters=dataclasses.replace(form.filters, since=since))
