"""One request and its answer, without I/O: what is sent, what an answer means, and whether to send it again."""

import ipaddress
import json
import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2

from simsim.client import retries
from simsim.client.documents import decode_model
from simsim.client.errors import NoAnswer, Refused, SimsimError, UnexpectedAnswer, refusal
from simsim.client.retries import Retries

Model = TypeVar("Model")
ROOT = "/api/v1"
CONNECT_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
PROBLEM = "application/problem+json"
Query = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """A request as its operation describes it. `body` and `form` may hold secrets."""

    method: str
    path: str
    query: Query = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    form: Mapping[str, Any] | None = field(default=None, repr=False)
    if_match: str | None = None
    idempotency_key: str | None = None
    last_event_id: str | None = None

    def __post_init__(self) -> None:
        if self.if_match == "":
            raise ValueError("this has no ETag: get the thing by itself first, or give if_match='*' to overwrite")

    @property
    def is_repeatable(self) -> bool:
        return retries.is_repeatable(
            self.method, has_key=self.idempotency_key is not None, if_match=self.if_match
        )  # fmt: skip

    def arguments(self) -> dict[str, Any]:
        """Return the arguments for the HTTP library."""
        headers = {}
        if self.if_match is not None:
            headers["If-Match"] = self.if_match
        if self.idempotency_key is not None:
            headers["Idempotency-Key"] = self.idempotency_key
        if self.last_event_id is not None:
            headers["Last-Event-ID"] = self.last_event_id
        params = {name: value for name, value in self.query.items() if value is not None}
        return {
            "method": self.method, "url": ROOT + self.path, "params": params, "headers": headers,
            "json": self.body, "data": self.form,
        }  # fmt: skip


@dataclass(frozen=True)
class Received:
    """An answer that has been read completely."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Again:
    """Send the request again after `seconds`."""

    seconds: float


def new_key() -> str:
    """Return an Idempotency-Key that nobody has used."""
    return str(uuid.uuid4())


def part(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


def settings_of(
    server: str, username: str, password: str, *, timeout_seconds: float, ca_file: str | None, allow_plain_http: bool
) -> dict[str, Any]:
    """Return the settings of the HTTP library; raise ValueError for a server to which no credentials may be sent.

    Redirects are not followed, and certificates are verified, against the system's authorities or those in `ca_file`.
    """
    url = httpx2.URL(server)
    if url.scheme not in {"https", "http"} or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError(f"{server!r} is not the address of a server, such as https://console.example.com")
    if url.scheme == "http" and not allow_plain_http and not is_this_machine(url.host):
        raise ValueError(f"{server!r} would get the password unencrypted: use https")
    base = str(url).rstrip("/").removesuffix(ROOT)
    return {
        "base_url": base,
        "auth": (username, password),
        "timeout": httpx2.Timeout(timeout_seconds, connect=min(timeout_seconds, CONNECT_SECONDS)),
        "verify": ssl.create_default_context(cafile=ca_file) if ca_file else True,
        "headers": {"User-Agent": f"simsim-client/{version('simsim')}"},
        "follow_redirects": False,
    }


def is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def no_answer(error: httpx2.RequestError | TimeoutError) -> NoAnswer:
    """Return the client's error for one of the HTTP library."""
    was_sent = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
    said = str(error) or type(error).__name__
    return NoAnswer(f"no answer from the server: {said}", was_sent=was_sent)


def after_no_answer(request: Request, failure: NoAnswer, attempt: int, policy: Retries) -> Again:
    """Return when to send the request again; raise the failure if it must not be repeated."""
    pause = policy.pause(attempt, None) if request.is_repeatable or not failure.was_sent else None
    if pause is None:
        raise failure
    return Again(pause)


def after_answer(request: Request, received: Received, attempt: int, policy: Retries) -> Again | None:
    """Return None for success, or when to send the request again; raise Refused or UnexpectedAnswer."""
    if 200 <= received.status < 300:
        return None
    if received.status == 404 and request.method == "DELETE" and attempt > 1:
        # The first attempt, whose answer was lost, has removed it.
        return None
    failure = failure_of(received)
    if not isinstance(failure, Refused):
        is_temporary = received.status in retries.TEMPORARY and request.is_repeatable
        waited = None
    else:
        is_temporary = may_pass(request, failure)
        waited = failure.retry_after_seconds
    pause = policy.pause(attempt, waited) if is_temporary else None
    if pause is None:
        raise failure
    return Again(pause)


def may_pass(request: Request, failure: Refused) -> bool:
    """Whether the same request may succeed later, and may be sent again."""
    if failure.status in retries.NOT_CARRIED_OUT:
        return True
    return request.is_repeatable and (failure.status in retries.TEMPORARY or failure.slug == retries.UNDER_WAY)


def failure_of(received: Received) -> SimsimError:
    """Return the exception for an answer other than success."""
    waited = retries.retry_after(received.headers, datetime.now(UTC))
    if received.headers.get("Content-Type", "").partition(";")[0].strip() == PROBLEM:
        try:
            document = json.loads(received.body)
        except ValueError:
            document = None
        if isinstance(document, dict):
            return refusal(received.status, document, waited)
    return UnexpectedAnswer(f"the server answered {received.status} without a problem document")


def answer_of(received: Received, model: type[Model]) -> Model:
    """Return the answer's document as `model`, and None for NoneType; raise UnexpectedAnswer."""
    if model is type(None):
        return model()
    try:
        return decode_model(model, json.loads(received.body), etag=received.headers.get("ETag", ""))
    except ValueError as error:
        # The document may hold a password, so it must not be in the text.
        said = "it is not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
        raise UnexpectedAnswer(f"the server's answer does not fit this client: {said}") from None
