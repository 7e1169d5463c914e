"""The documents of access reviews."""

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from simsim.api.documents import AT, ID, Moment

REVIEW: JsonDict = {
    "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "account_id": ID, "started_at": AT,
    "started_by": "alice@acme.example", "due_at": AT, "signed_off_at": None, "signed_off_by": None,
    "signed_off_name": None, "fingerprint": None, "rows": 3, "open": 2,
    "decisions": {"keep": 1, "shorten": 0, "revoke": 0, "ended": 0},
}  # fmt: skip
ROW: JsonDict = {
    "id": "17", "kind": "token", "subject_id": ID, "name": "Power BI", "description": "The sales report",
    "software": "Power BI", "role": None, "scopes": None, "allowed_networks": ["203.0.113.0/24"], "limits": [],
    "report_only": False, "status": "active", "created_by": "alice@acme.example", "created_at": AT,
    "last_used_address": "203.0.113.9", "requests_30_days": 812, "requests_90_days": 2410, "times_shown": 1,
    "last_used_at": AT, "expires_at": AT, "decision": "keep", "new_expires_at": None, "note": "The nightly report",
    "decided_at": AT, "decided_by": "alice@acme.example",
}  # fmt: skip
SCHEDULE: JsonDict = {"every": "quarterly", "next_at": AT}


class Decisions(BaseModel):
    """The number of rows with each decision; `ended` are those that ended before anybody decided."""

    keep: int
    shorten: int
    revoke: int
    ended: int


class AccessReviewDocument(BaseModel):
    """A review; `open` is the number of rows that still need a decision."""

    model_config = ConfigDict(json_schema_extra={"examples": [REVIEW]})
    id: str
    account_id: str
    started_at: Moment
    started_by: str
    due_at: Moment
    signed_off_at: Moment | None
    signed_off_by: str | None
    signed_off_name: str | None
    fingerprint: str | None
    rows: int
    open: int
    decisions: Decisions


class AccessReviewPage(BaseModel):
    """The reviews, newest first; there is only one page."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [REVIEW], "next_cursor": None}]})
    items: list[AccessReviewDocument]
    next_cursor: str | None


class ReviewRowDocument(BaseModel):
    """A token, a management token or a person at the start of the review, and the decision.

    A field that does not apply to a row's kind is null. For a person, `last_used_at` is the last sign-in.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [ROW]})
    id: str
    kind: str
    subject_id: str
    name: str
    description: str | None
    software: str | None
    role: str | None
    scopes: list[str] | None
    allowed_networks: list[str] | None
    limits: list[str] | None
    report_only: bool | None
    status: str | None
    created_by: str | None
    created_at: Moment | None
    last_used_address: str | None
    requests_30_days: int | None
    requests_90_days: int | None
    times_shown: int | None
    last_used_at: Moment | None
    expires_at: Moment | None
    decision: str | None
    new_expires_at: Moment | None
    note: str
    decided_at: Moment | None
    decided_by: str | None


class ReviewRowPage(BaseModel):
    """One page of rows."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [ROW], "next_cursor": None}]})
    items: list[ReviewRowDocument]
    next_cursor: str | None


class KeptRows(BaseModel):
    """How many rows were kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kept": 12}]})
    kept: int


class ReviewScheduleDocument(BaseModel):
    """How often a review starts, and when the next one does; null for never."""

    model_config = ConfigDict(json_schema_extra={"examples": [SCHEDULE]})
    every: str
    next_at: Moment | None
