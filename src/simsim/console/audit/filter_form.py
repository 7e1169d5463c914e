"""The audit trail's filters in the URL: the texts as typed, the parsed filters, and an error for each invalid one."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Self

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from simsim.audit.pages import parse_cursor
from simsim.audit.selectors import AuditFilters
from simsim.console.errors import sentence
from simsim.problem import Invalid
from simsim.rfc3339 import parse_day

NAMES = ("who", "kind", "token", "since", "until")
MAX_WHO_LENGTH = 254
# The kinds of events on offer: the name, and the events as `AuditFilters` takes them.
KINDS: dict[str, tuple[Promise, str]] = {
    "tokens": (_("Tokens"), "token.*"),
    "credentials": (_("Credentials shown or tested"), "token.credentials_shown,token.tried"),
    "sign-ins": (_("Sign-ins"), "session.*"),
    "people": (_("People and passwords"), "user.*"),
    "account": (_("Account and notices"), "account.*"),
    "reviews": (_("Access reviews"), "access_review.*"),
    "exports": (_("Exports"), "log.exported,audit.exported,token.exported"),
}


@dataclass
class AuditFilterForm:
    """The parameters of the page's URL. `errors` has a sentence for each invalid parameter."""

    texts: dict[str, str]
    cursor: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    filters: AuditFilters = field(default_factory=AuditFilters)

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Return the form for a query. An invalid filter has an error and is not applied."""
        form = cls({name: data.get(name, "").strip() for name in NAMES}, data.get("cursor", "").strip())
        since, until = form._day("since"), form._day("until", through=True)
        if since and until and until <= since:
            form.errors["until"] = gettext("This must not be before the first day.")
        form.filters = AuditFilters(
            since=since, until=until, actor=form._who(), event=form._events(), subject_id=form._token()
        )
        try:
            if form.cursor:
                parse_cursor(form.cursor)
        except Invalid as problem:
            form.errors["cursor"] = sentence(problem)
        return form

    @property
    def number_of_filters(self) -> int:
        return sum(1 for name in NAMES if self.texts[name])

    def query(self, changes: Mapping[str, str]) -> str:
        """Return the query for these filters with the changes, including its `?`; "" without any."""
        changed = self.texts | dict(changes)
        given = [(name, value) for name, value in changed.items() if value]
        return f"?{urlencode(given)}" if given else ""

    def _who(self) -> str | None:
        text = self.texts["who"]
        if len(text) > MAX_WHO_LENGTH or "\0" in text:
            self.errors["who"] = gettext("Enter an email address, or “operator” for the command line.")
            return None
        return text.lower() or None

    def _events(self) -> str | None:
        text = self.texts["kind"]
        if text and text not in KINDS:
            self.errors["kind"] = gettext("Choose one of the listed kinds.")
            return None
        return KINDS[text][1] if text else None

    def _token(self) -> str | None:
        try:
            return str(uuid.UUID(self.texts["token"])) if self.texts["token"] else None
        except ValueError:
            self.errors["token"] = gettext("There is no such token in this account.")
            return None

    def _day(self, name: str, *, through: bool = False) -> datetime | None:
        """Return the beginning of the typed day in UTC, or with `through` its end."""
        text = self.texts[name]
        day = parse_day(text)
        try:
            if day is not None:
                return datetime.combine(day + timedelta(days=1 if through else 0), time(), UTC)
        except OverflowError:
            pass
        if text:
            self.errors[name] = gettext("Enter a day such as 2026-12-06.")
        return None
