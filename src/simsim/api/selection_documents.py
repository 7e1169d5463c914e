"""The shapes of a selection of tokens: its filters, its tokens, and what became of them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from simsim.account_log.time_filters import parse_moment
from simsim.api.documents import AT, ID, Given, Moment, TokenStatus
from simsim.tokens.token_filters import TokenFilter, parse_ids

FILTERS: JsonDict = {"creator": "bob@acme.example", "used_from": "198.51.100.0/24"}
FINGERPRINT = "5c1f0e6a9b7d4c3e8f2a1b0d9c8e7f6a"
PICKED: JsonDict = {
    "id": ID, "name": "Power BI", "status": "active", "software": "power-bi", "created_by": "bob@acme.example",
    "created_at": AT, "last_used_at": AT, "last_used_address": "198.51.100.9",
}  # fmt: skip
CHANGED = "The names of tokens that somebody changed meanwhile; they were left alone."


class SelectionFilters(Given):
    """What the chosen tokens have in common; every condition that is given must hold, and none chooses all tokens."""

    model_config = ConfigDict(json_schema_extra={"examples": [FILTERS]})
    creator: str = Field("", description="The email address of the person who created the token.")
    software: str = Field("", description="The short name of the target software.")
    text: str = Field("", description="A part of the name, the description or the creator.")
    state: Literal["", "paused", "soon", "unused"] = Field(
        "", description="Paused; expiring within 7 days; never used or idle, as in the console’s list."
    )
    allows: str = Field("", description="An address that the token’s allowed networks let in.")
    used_from: str = Field("", description="A network from which the token was used within the log’s retention.")
    created_before: str | None = Field(None, description="A day, or a time with an offset.")
    created_after: str | None = Field(None, description="Created then or later.")
    used_before: str | None = Field(None, description="Last used before then, or never.")
    used_after: str | None = Field(None, description="Last used then or later.")
    stopped_at: str | None = Field(
        None, description="The exact time at which the tokens were paused or revoked together, as each of them has it."
    )
    tokens: list[str] = Field([], description="Choose among these tokens only. At most 1,000.")
    without: list[str] = Field([], description="Leave these tokens out. At most 1,000.")


class StopTokens(SelectionFilters):
    """The filters of the preview, and what happens to the tokens."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [FILTERS | {"act": "revoke", "reason": "leaked", "fingerprint": FINGERPRINT}]}
    )
    act: Literal["pause", "revoke"] = Field(description="A pause has no end; somebody resumes the tokens.")
    reason: str = Field(
        "", description="For a revocation, a reason as for one token; for a pause, a text of at most 200 characters."
    )
    fingerprint: str = Field(description="The preview’s.")


class ResumeTokens(SelectionFilters):
    """The filters of the preview."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"stopped_at": AT, "fingerprint": FINGERPRINT}]})
    fingerprint: str = Field(description="The preview’s.")


class PreviewNetworks(SelectionFilters):
    """The filters, and the networks."""

    model_config = ConfigDict(json_schema_extra={"examples": [FILTERS | {"allowed_networks": ["198.51.100.0/24"]}]})
    allowed_networks: list[str] = Field(description="The networks that each token gets.")
    adds: bool = Field(
        False, description="Add the networks to the tokens’ lists. A token without a list lets every address in, and "
        "stays as it is.",
    )  # fmt: skip


class ChangeNetworks(PreviewNetworks):
    """The filters of the preview, and the networks."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [FILTERS | {"allowed_networks": ["198.51.100.0/24"], "fingerprint": FINGERPRINT}]
        }
    )
    fingerprint: str = Field(description="The preview’s.")


class SelectedToken(BaseModel):
    """A chosen token."""

    id: str
    name: str
    status: TokenStatus
    software: str | None
    created_by: str
    created_at: Moment
    last_used_at: Moment | None
    last_used_address: str | None


class TokenSelectionDocument(BaseModel):
    """The chosen tokens by name, and the fingerprint that changing them needs."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"count": 1, "fingerprint": FINGERPRINT, "items": [PICKED]}]}
    )
    count: int
    fingerprint: str
    items: list[SelectedToken]


class NetworksPreviewDocument(BaseModel):
    """How many tokens get another list, and how many of their requests of the last 30 days it would have refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"tokens": 12, "requests": 5400, "excluded_requests": 31, "tokens_with_excluded": 2}]
        }
    )
    tokens: int
    requests: int
    excluded_requests: int
    tokens_with_excluded: int


class StoppedTokens(BaseModel):
    """How many tokens were stopped."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"stopped": 1, "changed": []}]})
    stopped: int
    changed: list[str] = Field(description=CHANGED)


class ResumedTokens(BaseModel):
    """How many tokens were resumed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"resumed": 1, "changed": []}]})
    resumed: int
    changed: list[str] = Field(description=CHANGED)


class EditedTokens(BaseModel):
    """How many tokens got another list."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"edited": 1, "changed": []}]})
    edited: int
    changed: list[str] = Field(description=CHANGED)


def filter_of(body: SelectionFilters) -> TokenFilter:
    """Return the filter that the body describes; raise Invalid for a time."""
    return TokenFilter(
        creator=body.creator,
        software=body.software,
        text=body.text,
        state=body.state,
        allows=body.allows,
        used_from=body.used_from,
        created_before=parse_moment("created_before", body.created_before),
        created_after=parse_moment("created_after", body.created_after),
        used_before=parse_moment("used_before", body.used_before),
        used_after=parse_moment("used_after", body.used_after),
        stopped_at=parse_moment("stopped_at", body.stopped_at),
        tokens=parse_ids("tokens", body.tokens),
        without=parse_ids("without", body.without),
    )
