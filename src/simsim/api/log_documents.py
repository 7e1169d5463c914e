"""The JSON of logs, usage, the audit trail, accounts and people that the management API gives."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simsim.api.documents import ACCOUNT, AT, ID, Example, Id, Moment, RoleName

REQUEST: Example = {
    "id": "1764230400000000", "received_at": "2026-11-20T06:00:12.123456Z", "method": "GET",
    "resource": "/api/v2/entities", "status": 200, "outcome": "accepted", "reason": "ok",
    "detail": "", "duration_seconds": 0.042, "token_id": ID, "token_name": "Power BI",
    "address": "203.0.113.9",
}  # fmt: skip
EVENT: Example = {
    "id": "4711", "at": AT, "event": "token.created", "account_id": ACCOUNT, "actor": "alice@acme.example",
    "subject_id": ID, "details": {"name": "Power BI"}, "door": "api", "address": "203.0.113.9", "os_user": None,
    "number": 12, "mac": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
}  # fmt: skip
ACCOUNT_EXAMPLE: Example = {
    "id": ACCOUNT, "name": "Acme", "external_id": None, "created_at": AT, "closed_at": None,
    "programs_may_rotate": False,
}  # fmt: skip
PERSON: Example = {
    "id": "7", "email": "alice@acme.example", "role": "administrator", "is_active": True, "joined_at": AT,
    "last_sign_in_at": None,
}  # fmt: skip
SOFTWARE: Example = {"slug": "power-bi", "name": "Power BI", "retired_at": None}
LIMITS_EFFECT: Example = {
    "requests": 120, "is_complete": True, "excluded_requests": 4,
    "excluded": [
        {"rule": "POST /api/v2/orders/*", "method": "POST", "path": "/api/v2/orders/17", "requests": 4, "last_at": AT}
    ],
}  # fmt: skip


def page_of(example: Example) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [{"items": [example], "next_cursor": None}]})


class LoggedRequest(BaseModel):
    """A request to the API behind the gateway."""

    model_config = ConfigDict(json_schema_extra={"examples": [REQUEST]})
    id: str
    received_at: Moment
    method: str | None
    resource: str | None
    status: int | None
    outcome: Literal["accepted", "refused", "unknown"]
    reason: str
    detail: str
    duration_seconds: float | None
    token_id: Id | None
    token_name: str | None
    address: str | None


class RequestPage(BaseModel):
    """A page of the log, newest first."""

    model_config = page_of(REQUEST)
    items: list[LoggedRequest]
    next_cursor: str | None


class CountedRequests(BaseModel):
    """Refused requests of a flood that are not in the log; `network` is where most of them came from."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"requests": 120000, "network": "203.0.113.9", "other_networks": 3, "since": AT, "until": AT}
            ]
        }
    )  # fmt: skip
    requests: int
    network: str | None
    other_networks: int
    since: Moment | None
    until: Moment | None


class UsagePart(BaseModel):
    """The requests of one day, token, software, endpoint or status."""

    value: str | None
    name: str | None
    accepted: int
    refused: int


class Usage(BaseModel):
    """The usage of an account, split by one property: the 20 largest parts, or each day."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "by": "token", "since": "2026-11-01", "until": "2026-11-30", "accepted": 120, "refused": 3,
                    "items": [{"value": ID, "name": "Power BI", "accepted": 120, "refused": 0}],
                    "others": {"accepted": 0, "refused": 0}, "without": {"accepted": 0, "refused": 3},
                }
            ]
        }
    )  # fmt: skip
    by: Literal["day", "token", "software", "endpoint", "status"]
    since: str
    until: str
    accepted: int
    refused: int
    items: list[UsagePart]
    others: dict[str, int]
    without: dict[str, int]


class AuditEvent(BaseModel):
    """Something that somebody did."""

    model_config = ConfigDict(json_schema_extra={"examples": [EVENT]})
    id: str
    at: Moment
    event: str
    account_id: Id | None
    actor: str
    subject_id: str
    details: dict[str, Any]
    door: str = Field(description="How it was done: console, command_line, api or background.")
    address: str | None
    os_user: str | None
    number: int | None = Field(description="Its place in the account’s chain.")
    mac: str = Field(description="Its link to the event before it: see the page about the audit trail.")


class AuditPage(BaseModel):
    """A page of the audit trail, newest first."""

    model_config = page_of(EVENT)
    items: list[AuditEvent]
    next_cursor: str | None


class Software(BaseModel):
    """Target software; a retired entry stays on the tokens that have it."""

    model_config = ConfigDict(json_schema_extra={"examples": [SOFTWARE]})
    slug: str
    name: str
    retired_at: Moment | None


class SoftwareList(BaseModel):
    """The catalogue of target software, by name."""

    model_config = page_of(SOFTWARE)
    items: list[Software]
    next_cursor: str | None


class Account(BaseModel):
    """An account: a customer of the API."""

    model_config = ConfigDict(json_schema_extra={"examples": [ACCOUNT_EXAMPLE]})
    id: Id
    name: str
    external_id: str | None
    created_at: Moment
    closed_at: Moment | None
    programs_may_rotate: bool


class AccountPage(BaseModel):
    """A page of accounts, sorted by id."""

    model_config = page_of(ACCOUNT_EXAMPLE)
    items: list[Account]
    next_cursor: str | None


class Person(BaseModel):
    """A person who belongs to an account."""

    model_config = ConfigDict(json_schema_extra={"examples": [PERSON]})
    id: str
    email: str
    role: RoleName
    is_active: bool
    joined_at: Moment
    last_sign_in_at: Moment | None


class PersonList(BaseModel):
    """The people of an account, administrators first."""

    model_config = page_of(PERSON)
    items: list[Person]
    next_cursor: str | None


class AllowlistPreview(BaseModel):
    """The effect of an allowlist on the requests of the last 30 days."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "requests": 120, "addresses": 2, "excluded_requests": 4,
                    "excluded": [{"address": "198.51.100.7", "requests": 4}],
                }
            ]
        }
    )  # fmt: skip
    requests: int
    addresses: int
    excluded_requests: int
    excluded: list[dict[str, Any]]


class SuggestedNetworks(BaseModel):
    """The smallest sensible allowlist for the requests of the last 30 days."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"allowed_networks": ["203.0.113.0/29"]}]})
    allowed_networks: list[str]


class ExcludedRequests(BaseModel):
    """Requests that limits would have refused: `rule` would allow them; it is null if no rule can."""

    rule: str | None
    method: str
    path: str
    requests: int
    last_at: Moment


class LimitsPreview(BaseModel):
    """The effect of limits on the newest requests of the last 30 days; `is_complete`: on all of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [LIMITS_EFFECT]})
    requests: int
    is_complete: bool
    excluded_requests: int
    excluded: list[ExcludedRequests]


class SuggestedLimits(BaseModel):
    """Limits that allow the newest requests of the last 30 days; empty if there were none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"limits": ["GET /api/v2/entities/*"]}]})
    limits: list[str]


class Notices(BaseModel):
    """Who gets which notice, and the additional days of expiry notices."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"audiences": {"token_created": "administrators"}, "early_days": [14]}]}
    )
    audiences: dict[str, str]
    early_days: list[int]
