"""The filters of a selection of tokens in the URL: the texts as typed, the filter that they mean, and errors."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlencode

from django.http import QueryDict

from simsim.account_log.time_filters import parse_moment
from simsim.console.errors import sentence
from simsim.console.formats import moment
from simsim.console.tokens.lists import MAX_SEARCH_LENGTH
from simsim.problem import Invalid
from simsim.tokens.token_filters import TokenFilter, parse_filter, parse_ids

TEXTS = ("creator", "software", "text", "state", "allows", "used_from")
TIMES = ("created_before", "created_after", "used_before", "used_after", "stopped_at")
IDS = ("tokens", "without")


@dataclass
class SelectionForm:
    """The parameters of the URL. `chosen` is the filter without those that have errors."""

    texts: dict[str, str]
    ids: dict[str, list[str]]
    errors: dict[str, str] = field(default_factory=dict)
    chosen: TokenFilter = field(default_factory=TokenFilter)

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        texts = {name: data.get(name, "").strip()[:MAX_SEARCH_LENGTH] for name in (*TEXTS, *TIMES)}
        form = cls(texts, {name: data.getlist(name) for name in IDS})
        times = {name: form._moment(name) for name in TIMES}
        try:
            ids = {name: parse_ids(name, form.ids[name]) for name in IDS}
            given: dict[str, Any] = {**{name: texts[name] for name in TEXTS}, **times, **ids}
            chosen = TokenFilter(**given)
            parse_filter(chosen)
            form.chosen = chosen
        except Invalid as problem:
            form.errors |= {error.field: sentence(Invalid(error)) for error in problem.errors}
        return form

    def _moment(self, name: str) -> datetime | None:
        try:
            return parse_moment(name, self.texts[name] or None)
        except Invalid as problem:
            self.errors[name] = sentence(problem)
            return None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters that are set."""
        texts = [(name, value) for name, value in self.texts.items() if value]
        return texts + [(name, value) for name, values in self.ids.items() for value in values]

    @property
    def query(self) -> str:
        return "?" + urlencode(self.pairs)

    @property
    def together(self) -> str:
        """When the tokens were stopped together, as people read it; "" if the selection is another one."""
        return moment(self.chosen.stopped_at) if self.chosen.stopped_at else ""
