"""The page *Audit trail*, and its export (B6)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_safe

from simsim.account_log.downloads import TYPES, from_the_loop, marked
from simsim.account_log.trail import events_of, export_trail
from simsim.accounts.people import people_of
from simsim.accounts.permissions import OPERATOR, Permission, is_permitted
from simsim.audit.models import AuditEvent
from simsim.audit.origin import Door
from simsim.audit.pages import EventPage
from simsim.console.account_access import AccountAccess, for_administrators
from simsim.console.audit.filter_form import KINDS, AuditFilterForm
from simsim.console.audit.sentences import Fact, details_of, facts_of, sentence_of
from simsim.console.logs.export import MAX_NAME_LENGTH
from simsim.console.logs.rows import offered_tokens
from simsim.problem import NotFound
from simsim.request_log.search.export import Format
from simsim.tokens.models import Token
from simsim.tokens.selectors import find_token, tokens_of

PAGE_EVENTS = 50
DOORS: dict[str, Promise] = {
    Door.CONSOLE: _("Console"),
    Door.COMMAND_LINE: _("Command line"),
    Door.API: _("API"),
    Door.BACKGROUND: _("Simsim itself"),
}


@dataclass(frozen=True)
class TrailRow:
    """One event in words; `token` is the account's token that it is about, as it is now."""

    event: AuditEvent
    token: Token | None

    @property
    def sentence(self) -> str:
        """What was done, with the token's name at the time if the event stored it."""
        then = details_of(self.event).get("name")
        now = self.token.name if self.token else self.event.subject_id
        return sentence_of(self.event, then if isinstance(then, str) else now)

    @property
    def facts(self) -> list[Fact]:
        return facts_of(self.event)

    @property
    def who(self) -> str:
        """The person, or the operator with the user of their operating system."""
        return gettext("Operator") if self.event.actor_label == OPERATOR.label else self.event.actor_label

    @property
    def door(self) -> str:
        """The door; "" for events of earlier versions, which did not store it."""
        return str(DOORS.get(self.event.door, self.event.door))

    @property
    def address(self) -> str:
        return self.event.address or str(details_of(self.event).get("address") or "")


@require_safe
@for_administrators
def trail(access: AccountAccess) -> HttpResponse:
    """Show the events that match the filters in the URL, newest first."""
    form, chosen = read_form(access)
    page = EventPage([], None)
    if not form.errors:
        page = events_of(
            access.account, actor=access.actor, filters=form.filters, limit=PAGE_EVENTS, cursor=form.cursor or None
        )
    context: dict[str, Any] = {
        "account": access.account,
        "form": form,
        "rows": rows_of(page.items, access),
        "kinds": {value: name for value, (name, _events) in KINDS.items()},
        "people": people_of(access.account, actor=access.actor)
        if is_permitted(access.actor, Permission.MANAGE_PEOPLE, access.account)
        else [],
        "tokens": offered_tokens(access.account, actor=access.actor, chosen=chosen, now=access.now),
        "older": form.query({"cursor": page.next_cursor}) if page.next_cursor else "",
        "newest": form.query({}),
        "exports": {each.value: form.query({"format": each.value}) for each in Format},
        "retention_days": settings.OPERATOR.audit_retention_days,
    }
    return render(access.request, "console/audit/trail.html", context, status=422 if form.errors else 200)


# No HEAD, because that would record an export and send nothing.
@require_GET
@for_administrators
def export(access: AccountAccess) -> HttpResponseBase:
    """Send every event that matches the filters in the URL; the export is an event itself."""
    form, _chosen = read_form(access)
    try:
        wanted = Format(access.request.GET.get("format", ""))
    except ValueError:
        raise NotFound from None
    if form.errors:
        return redirect(reverse("console:audit_trail", args=[access.account.pk]) + form.query({}))
    file = export_trail(access.account, actor=access.actor, filters=form.filters, form=wanted, now=access.now)
    parts = marked(file, wanted)
    content = from_the_loop(parts) if isinstance(access.request, ASGIRequest) else parts
    whose = slugify(access.account.name)[:MAX_NAME_LENGTH].strip("-") or "account"
    name = f"{whose}-audit-trail-{access.now.astimezone(UTC):%Y-%m-%d}.{wanted}"
    return StreamingHttpResponse(
        content, content_type=TYPES[wanted], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def read_form(access: AccountAccess) -> tuple[AuditFilterForm, Token | None]:
    """Return the filters in the URL and the token that they name; another account's token is an error."""
    form = AuditFilterForm.read(access.request.GET)
    if form.filters.subject_id is None:
        return form, None
    try:
        return form, find_token(form.filters.subject_id, actor=access.actor, account=access.account)
    except NotFound:
        form.errors["token"] = gettext("There is no such token in this account.")
        return form, None


def rows_of(events: Sequence[AuditEvent], access: AccountAccess) -> list[TrailRow]:
    """Return the events with their tokens, in one query for any number of events."""
    about = {event.subject_id for event in events if event.event.startswith("token.") and is_uuid(event.subject_id)}
    own = tokens_of(access.account, actor=access.actor, status=None, now=access.now).filter(pk__in=about)
    tokens = {str(token.pk): token for token in own} if about else {}
    return [TrailRow(event, tokens.get(event.subject_id)) for event in events]


def is_uuid(text: str) -> bool:
    """Whether the text is an id of ours; an event that was added from outside may have any."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
