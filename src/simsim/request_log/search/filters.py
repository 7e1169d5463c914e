"""The filters of the log."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.request_log.outcome import Outcome

_is_status_class = re.compile(r"([1-5])xx").fullmatch
_is_status = re.compile(r"[1-5][0-9]{2}").fullmatch


@dataclass(frozen=True)
class LogFilters:
    """The requests to find. If `account_id` is None, every account is searched, which only the operator may do.

    `since` is included and `until` is not; `endpoint` is a path or an endpoint's name, or the beginning of either
    followed by `*`; `status` is a status such as 404 or a class such as "4xx"; `among_tokens` are the ids of allowed
    tokens; `address` is in the form of Address.text, or a network in the form of `short_addresses`.
    """

    account_id: uuid.UUID | None
    since: datetime | None = None
    until: datetime | None = None
    endpoint: str | None = None
    status: int | str | None = None
    token_id: uuid.UUID | None = None
    among_tokens: frozenset[uuid.UUID] | None = None
    outcome: Outcome | None = None
    address: str | None = None


def is_endpoint(text: str) -> bool:
    """Whether the filter `endpoint` with this text finds exactly one endpoint.

    A star at the end would find others too.
    """
    return text.startswith("/") and not text.endswith("*")


def parse_status(status: int | str) -> tuple[int, int]:
    """Return the lowest and the highest status that the filter finds; raise Invalid."""
    text = str(status)
    if found := _is_status_class(text):
        return int(found[1]) * 100, int(found[1]) * 100 + 99
    if _is_status(text):
        return int(text), int(text)
    raise Invalid(FieldError("status", gettext_noop("A status is a number such as 404, or a class such as 4xx.")))
