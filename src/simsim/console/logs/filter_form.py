"""The log's filters in the URL: the texts as typed, the parsed filters, and an error for each invalid filter."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Self

from django.http import QueryDict
from django.utils.http import urlencode
from django.utils.translation import gettext

from simsim.console.errors import sentence
from simsim.pagination import parse_cursor
from simsim.problem import Invalid
from simsim.request_log.outcome import Outcome
from simsim.request_log.search.filters import LogFilters, parse_status
from simsim.request_log.short_addresses import parse_place
from simsim.rfc3339 import parse_day, parse_time

# The URL's parameters, in order. Bookmarks and the tokens' pages rely on them.
NAMES = ("range", "since", "until", "endpoint", "status", "outcome", "token", "software", "address")
RANGES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
ALL, DATES = "all", "dates"
FOLLOW = "on"
MAX_ENDPOINT_LENGTH = 2048


@dataclass
class LogFilterForm:
    """The parameters of the log's URL. `errors` has a sentence for each invalid parameter.

    With `is_following`, new requests appear automatically.
    """

    texts: dict[str, str]
    cursor: str = ""
    is_following: bool = False
    errors: dict[str, str] = field(default_factory=dict)
    filters: LogFilters = field(default_factory=lambda: LogFilters(None))

    @classmethod
    def read(cls, data: QueryDict, *, now: datetime) -> Self:
        """Return the form for a query. An invalid filter has an error and is not applied."""
        texts = {name: data.get(name, "").strip() for name in NAMES}
        form = cls(texts, data.get("cursor", "").strip(), data.get("follow") == FOLLOW)
        since, until = form._times(now)
        form.filters = LogFilters(
            None,
            since=since,
            until=until,
            endpoint=form._endpoint(),
            status=form._status(),
            token_id=form._token(),
            outcome=form._outcome(),
            address=form._address(),
        )
        if form.cursor:
            try:
                parse_cursor(form.cursor)
            except Invalid as problem:
                form.errors["cursor"] = sentence(problem)
        return form

    @property
    def range(self) -> str:
        """The chosen time range: a preset, `all`, or `dates` if a start or an end is given."""
        dated = self.texts["since"] or self.texts["until"]
        return self.texts["range"] or (DATES if dated else ALL)

    def query(self, changes: Mapping[str, str] | None = None) -> str:
        """Return the query for these filters with the changes, including its `?`; "" without filters."""
        changed = self.texts | {"cursor": self.cursor} | dict(changes or {})
        if changed["range"] == ALL:
            changed["range"] = ""
        changed.setdefault("follow", FOLLOW if self.is_following else "")
        given = [(name, changed[name]) for name in (*NAMES, "cursor", "follow") if changed[name]]
        return f"?{urlencode(given)}" if given else ""

    def export_query(self, format_name: str) -> str:
        """Return the query for the export of every matching request."""
        given = [("format", format_name), *((name, self.texts[name]) for name in NAMES if self.texts[name])]
        return f"?{urlencode(given)}"

    def without(self, *names: str) -> str:
        """Return the query without these filters, for the newest requests."""
        return self.query(dict.fromkeys((*names, "cursor"), ""))

    def only(self, name: str, value: str) -> str:
        """Return the query with one filter set, for the newest requests."""
        return self.query({name: value, "cursor": ""})

    def add_unknown_token_error(self) -> None:
        """Set the same error for a token that never existed as for a token of another account."""
        self.add_error("token", gettext("There is no such token in this account."))

    def add_error(self, name: str, message: str) -> None:
        self.errors.setdefault(name, message)

    def _times(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        chosen = self.range
        since, until = self._moment("since"), self._moment("until", through=True)
        if chosen in RANGES:
            if self.texts["since"] or self.texts["until"]:
                self.add_error("range", gettext("Choose “From and to” here, or clear the two times below."))
            return now - RANGES[chosen], None
        if chosen not in {ALL, DATES}:
            self.add_error("range", gettext("Choose one of the listed time ranges."))
        if chosen == ALL and (since or until):
            self.texts["range"] = DATES
        if since and until and until <= since:
            self.add_error("until", gettext("This must be later than the start time."))
        return since, until

    def _moment(self, name: str, *, through: bool = False) -> datetime | None:
        """Return the typed time, in UTC without an offset; a day means its beginning, or with `through` its end."""
        text = self.texts[name]
        if not text:
            return None
        moment = parse_time(text)
        try:
            if day := parse_day(text):
                moment = datetime.combine(day + timedelta(days=1 if through else 0), time())
        except OverflowError:
            moment = None
        if moment is None:
            self.add_error(name, gettext("Enter a time such as 2026-12-06T14:05, in UTC."))
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def _endpoint(self) -> str | None:
        text = self.texts["endpoint"]
        if not text:
            return None
        if "?" in text:
            self.add_error(
                "endpoint", gettext("The log contains no query strings. Leave out the “?” and everything after it.")
            )
        elif not text.startswith("/") and text != "*":
            self.add_error("endpoint", gettext("An endpoint starts with “/”, such as /api/v2/entities or /api/*."))
        elif len(text) > MAX_ENDPOINT_LENGTH or "\0" in text:
            self.add_error("endpoint", gettext("The log can’t contain an endpoint like this."))
        else:
            return text
        return None

    def _status(self) -> str | None:
        text = self.texts["status"].lower()
        if not text:
            return None
        try:
            parse_status(text)
        except Invalid as problem:
            self.add_error("status", sentence(problem))
            return None
        return text

    def _outcome(self) -> Outcome | None:
        text = self.texts["outcome"]
        if text and text not in set(Outcome):
            self.add_error("outcome", gettext("Choose one of the listed outcomes."))
            return None
        return Outcome(text) if text else None

    def _token(self) -> uuid.UUID | None:
        text = self.texts["token"]
        try:
            return uuid.UUID(text) if text else None
        except ValueError:
            self.add_unknown_token_error()
            return None

    def _address(self) -> str | None:
        text = self.texts["address"]
        if not text:
            return None
        address = parse_place(text)
        if address is None:
            self.add_error("address", gettext("Enter one address, such as 203.0.113.9 or 2001:db8::1."))
        return address
