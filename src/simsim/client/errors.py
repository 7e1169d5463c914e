"""The errors of the client: a refusal by the server, a missing answer, or an unreadable one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class SimsimError(Exception):
    """Anything that went wrong with a request."""


class NoAnswer(SimsimError):
    """The server could not be reached, or its answer was lost. `was_sent` says whether it may have acted."""

    def __init__(self, text: str, *, was_sent: bool) -> None:
        super().__init__(text)
        self.was_sent = was_sent


class UnexpectedAnswer(SimsimError):
    """An answer that is not from the management API, or from a version that this client does not know."""


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field or parameter."""

    field: str
    detail: str


class Refused(SimsimError):
    """The server refused a request, with a problem document (RFC 9457).

    `type` is a URL that leads to the problem's description, and `slug` its last part, which never changes.
    """

    def __init__(self, status: int, document: Mapping[str, Any], *, retry_after_seconds: float | None = None) -> None:
        self.status = status
        self.type = str(document.get("type", "about:blank"))
        self.title = str(document.get("title", ""))
        self.detail = str(document.get("detail", ""))
        self.errors = tuple(
            FieldProblem(str(each.get("field", "")), str(each.get("detail", ""))) for each in document.get("errors", ())
        )
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{status} {self.title}: {self.detail}")

    @property
    def slug(self) -> str:
        return self.type.rpartition("#")[2].rpartition(":")[2]


class Unauthenticated(Refused):
    """401: the credentials do not work here and now."""


class NotPermitted(Refused):
    """403: not within the scope of the management token, or not permitted."""


class NotFound(Refused):
    """404: there is no such thing, or it belongs to another account."""


class Conflict(Refused):
    """409: not possible in the current state."""


class PreconditionFailed(Refused):
    """412: somebody has changed it since you read it."""


class Invalid(Refused):
    """422: `errors` names each field that is wrong."""


class RateLimited(Refused):
    """429: too many requests, for longer than the client waits."""


class ServerFailed(Refused):
    """5xx: the server failed, or is not available."""


KINDS: dict[int, type[Refused]] = {
    401: Unauthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    422: Invalid,
    429: RateLimited,
}


def refusal(status: int, document: Mapping[str, Any], retry_after_seconds: float | None) -> Refused:
    """Return the exception for a problem document."""
    kind = ServerFailed if status >= 500 else KINDS.get(status, Refused)
    return kind(status, document, retry_after_seconds=retry_after_seconds)
