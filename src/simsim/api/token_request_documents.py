"""The JSON of requests for tokens that the management API gives."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from simsim.api.documents import AT, ID, Example, Id, Moment
from simsim.api.log_documents import page_of

PROPOSAL: Example = {
    "expires_at": "2027-11-20T00:00:00Z", "allowed_networks": [], "report_only": False, "limits": ["GET /api/v2/**"],
    "rates": [],
}  # fmt: skip
TOKEN_REQUEST: Example = {
    "id": ID, "name": "Power BI", "purpose": "The sales report", "software": "power-bi", "proposal": PROPOSAL,
    "asked_by": "alice@acme.example", "asked_at": AT, "answer": None, "answered_at": None, "answered_by": None,
    "token_id": None,
}  # fmt: skip


class Proposal(BaseModel):
    """The other fields of the token that waits for the approval of a second administrator."""

    expires_at: Moment
    allowed_networks: list[str]
    report_only: bool
    limits: list[str]
    rates: list[str]


class TokenRequest(BaseModel):
    """A member's request for a token, or an administrator's for the approval of one, and its answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [TOKEN_REQUEST]})
    id: Id
    name: str
    purpose: str = Field(description="For an approval, the description of the token.")
    software: str | None
    proposal: Proposal | None = Field(description="What an administrator wants approved; null for a member’s request.")
    asked_by: str
    asked_at: Moment
    answer: Literal["granted", "declined"] | None
    answered_at: Moment | None
    answered_by: str | None
    token_id: Id | None


class TokenRequestList(BaseModel):
    """The requests that wait for an answer, oldest first."""

    model_config = page_of(TOKEN_REQUEST)
    items: list[TokenRequest]
    next_cursor: str | None
