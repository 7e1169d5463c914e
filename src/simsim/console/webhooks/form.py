"""The form of a webhook: its name, its URL and the chosen events."""

from dataclasses import dataclass, field
from typing import Self

from django.http import QueryDict
from django.utils.translation import gettext

from simsim.console.errors import sentence
from simsim.problem import FieldError, Invalid
from simsim.webhooks.event_types import WORDS, EventType
from simsim.webhooks.models import WebhookEndpoint

# Chosen on a new form: what most receivers act on.
USUAL = (EventType.TOKEN_CREATED, EventType.TOKEN_EXPIRING, EventType.TOKEN_EXPIRED, EventType.TOKEN_REVOKED)


@dataclass(frozen=True)
class EventChoice:
    """An event to choose: its name for programs, its words for people."""

    value: str
    words: str
    is_chosen: bool


@dataclass
class WebhookForm:
    """What a person typed; `errors` has a sentence for each invalid field."""

    name: str = ""
    url: str = ""
    events: list[str] = field(default_factory=lambda: [event.value for event in USUAL])
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> Self:
        """Return the form with an endpoint's present values."""
        return cls(endpoint.name, endpoint.url, list(endpoint.events))

    @classmethod
    def read(cls, data: QueryDict) -> Self:
        """Return the form that the browser sent."""
        return cls(data.get("name", ""), data.get("url", ""), data.getlist("events"))

    @property
    def choices(self) -> list[EventChoice]:
        return [EventChoice(event.value, gettext(words), event.value in self.events) for event, words in WORDS.items()]

    def explain(self, problem: Invalid) -> None:
        """Set each error for its field."""
        for error in problem.errors:
            self.errors[error.field] = sentence(Invalid(FieldError(error.field, error.message, error.params)))
