"""What an account does during an incident: it freezes creation, and stops many tokens at once (B18)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from simsim.account_log.time_filters import parse_moment
from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.documents import AT, ID, Given, Moment, TokenStatus
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.audit.events import Event
from simsim.problem import AccountClosed, SelectionChanged
from simsim.tokens import creation_freeze, token_selection
from simsim.tokens.selection_stop import Act, stop_selection
from simsim.tokens.token_selection import TokenFilter, select_tokens

TAG = "Incidents"
PATH = "/accounts/{account_id}/creation-freeze"
REASON = "A laptop was stolen"


class Freeze(Given):
    """Why nobody may create tokens."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": REASON}]})
    reason: str = Field(description="Everybody in the account sees it. At most 200 characters.")


class CreationFreezeDocument(BaseModel):
    """Whether the creation of tokens is frozen; the other fields are null if it is not."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"frozen": True, "reason": REASON, "frozen_at": AT, "frozen_by": "alice@acme.example"}]
        }
    )
    frozen: bool
    reason: str | None
    frozen_at: Moment | None
    frozen_by: str | None


@operation(
    "GET", PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_ACCOUNT, answer=CreationFreezeDocument,
    audit="Reading whether creation is frozen changes nothing.",
)  # fmt: skip
def get_creation_freeze(call: Call) -> Answer:
    """Return whether the creation of tokens is frozen, why, by whom and since when."""
    return Answer(creation_freeze.document(creation_freeze.creation_freeze(call.account, actor=call.actor)))


@operation(
    "PUT", PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, answer=CreationFreezeDocument,
    audit=Event.CREATION_FROZEN, body=Freeze, problems=(AccountClosed,),
)  # fmt: skip
def freeze_creation(call: Call, body: Freeze) -> Answer:
    """Refuse new tokens until the freeze is lifted. Existing tokens keep working and can be rotated.

    If the account is frozen already, its freeze stays as it is and is returned.
    """
    frozen = creation_freeze.freeze_creation(actor=call.actor, account=call.account, reason=body.reason, now=call.now)
    return Answer(creation_freeze.document(frozen))


@operation(
    "DELETE", PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, answer=None, status=204,
    audit=Event.CREATION_FREEZE_LIFTED, needs_recent=True, problems=(AccountClosed,),
)  # fmt: skip
def lift_creation_freeze(call: Call) -> Answer:
    """Allow new tokens again. Without a freeze, nothing changes. Only the operator can lift the operator's freeze."""
    creation_freeze.lift_freeze(actor=call.actor, account=call.account, now=call.now)
    return Answer(None)


SELECTION_PATH = "/accounts/{account_id}/token-selection"
FILTERS: JsonDict = {"creator": "bob@acme.example", "used_from": "198.51.100.0/24"}
FINGERPRINT = "5c1f0e6a9b7d4c3e8f2a1b0d9c8e7f6a"
PICKED: JsonDict = {
    "id": ID, "name": "Power BI", "status": "active", "software": "power-bi", "created_by": "bob@acme.example",
    "created_at": AT, "last_used_at": AT, "last_used_address": "198.51.100.9",
}  # fmt: skip


class SelectionFilters(Given):
    """What the chosen tokens have in common; every condition that is given must hold, and none chooses all tokens."""

    model_config = ConfigDict(json_schema_extra={"examples": [FILTERS]})
    creator: str = Field("", description="The email address of the person who created the token.")
    software: str = Field("", description="The short name of the target software.")
    allows: str = Field("", description="An address that the token’s allowed networks let in.")
    used_from: str = Field("", description="A network from which the token was used within the log’s retention.")
    created_before: str | None = Field(None, description="A day, or a time with an offset.")
    used_before: str | None = Field(None, description="Last used before then, or never.")
    used_after: str | None = Field(None, description="Last used then or later.")


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
    """The chosen tokens by name, and the fingerprint that stopping them needs."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"count": 1, "fingerprint": FINGERPRINT, "items": [PICKED]}]}
    )
    count: int
    fingerprint: str
    items: list[SelectedToken]


class StoppedTokens(BaseModel):
    """How many tokens were stopped, and the names of those that changed meanwhile and were left alone."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"stopped": 1, "changed": []}]})
    stopped: int
    changed: list[str]


@operation(
    "POST", SELECTION_PATH + "/preview", tag=TAG, scopes=READ, permission=Permission.VIEW_TOKENS,
    audit="A preview changes nothing.", body=SelectionFilters, answer=TokenSelectionDocument,
)  # fmt: skip
def preview_selection(call: Call, body: SelectionFilters) -> Answer:
    """Return the tokens that meet the filters and have not ended."""
    selection = select_tokens(call.account, actor=call.actor, chosen=filter_of(body), now=call.now)
    return Answer(token_selection.document(selection, call.now))


@operation(
    "POST", SELECTION_PATH + "/stop", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.SELECTION_STOPPED, body=StopTokens, answer=StoppedTokens, needs_recent=True,
    problems=(SelectionChanged, AccountClosed),
)  # fmt: skip
def stop_tokens(call: Call, body: StopTokens) -> Answer:
    """Pause or revoke the previewed tokens, and send each administrator one email.

    Nothing is stopped if the selection is no longer the one that was previewed.
    """
    stopped = stop_selection(
        actor=call.actor, account=call.account, act=Act(body.act), chosen=filter_of(body),
        fingerprint=body.fingerprint, reason=body.reason, now=call.now,
    )  # fmt: skip
    return Answer(stopped.document())


def filter_of(body: SelectionFilters) -> TokenFilter:
    return TokenFilter(
        creator=body.creator,
        software=body.software,
        allows=body.allows,
        used_from=body.used_from,
        created_before=parse_moment("created_before", body.created_before),
        used_before=parse_moment("used_before", body.used_before),
        used_after=parse_moment("used_after", body.used_after),
    )
