"""Links from the numbers on the usage page to the requests that they count: the log's URL with filters."""

import uuid
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse

from simsim.account_log.usage import By, Part
from simsim.console.logs.filter_form import RANGES as RANGES_OF_LOG
from simsim.request_log.outcome import Outcome
from simsim.request_log.search.filters import is_endpoint
from simsim.request_log.usage.report import Span
from simsim.tokens.software import NO_SOFTWARE

FORM = "%Y-%m-%dT%H:%M"


class LogLinks:
    """Builds the URLs of one account's log for one time range of the usage page."""

    def __init__(self, account_id: uuid.UUID, range_name: str, span: Span) -> None:
        self._log = reverse("console:logs", args=[account_id])
        self._hours = span.hours
        # The log has names for some of the ranges; any other is given by its start.
        is_known = range_name in RANGES_OF_LOG
        self._time = {"range": range_name} if is_known else {"since": span.beginnings[0].strftime(FORM)}

    def whole(self) -> str:
        return self._to({})

    def refused(self) -> str:
        return self._to({"outcome": Outcome.REFUSED.value})

    def of_time(self, began: datetime) -> str:
        """Return the URL for the requests of one hour or day."""
        end = began + timedelta(hours=self._hours)
        return f"{self._log}?{urlencode({'since': began.strftime(FORM), 'until': end.strftime(FORM)})}"

    def of_part(self, by: By, part: Part) -> str:
        """Return the URL for a part's requests, "" if the log has no filter for them."""
        if by is By.TOKEN:
            return self._to({"token": str(part.token.pk)}) if part.token else ""
        if by is By.SOFTWARE:
            return self._to({"software": part.software.slug if part.software else NO_SOFTWARE})
        if by is By.STATUS:
            return self._to({"status": part.value} if part.value else {"outcome": Outcome.UNKNOWN.value})
        return self._to({"endpoint": part.value}) if is_endpoint(part.value) else ""

    def of_address(self, address: str) -> str:
        return f"{self._log}?{urlencode({'range': '7d', 'address': address})}"

    def _to(self, filters: dict[str, str]) -> str:
        return f"{self._log}?{urlencode(self._time | filters)}"
