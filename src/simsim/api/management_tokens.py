"""The account's management tokens: list and revoke them. People create them, in the console or on the server."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.documents import ACCOUNT, AT, ID, Example, Id, Moment
from simsim.api.log_documents import page_of
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.audit.events import Event
from simsim.management_tokens.actions import revoke_management_token as revoke
from simsim.management_tokens.selectors import document, find_management_token, management_tokens_of

TAG = "Management tokens"
PATH = "/accounts/{account_id}/management-tokens"
EXAMPLE: Example = {
    "id": ID, "account_id": ACCOUNT, "name": "GitHub Actions", "scopes": ["tokens"], "status": "active",
    "expires_at": AT, "allowed_networks": ["203.0.113.0/24"], "created_at": "2026-11-02T09:30:00Z",
    "created_by": "alice@acme.example", "revoked_at": None, "revoked_by": None,
    "last_used_at": "2026-11-20T06:00:12Z", "last_used_address": "203.0.113.9",
}  # fmt: skip


class ManagementToken(BaseModel):
    """A management token without its password; the id is its username."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})
    id: Id
    account_id: Id
    name: str
    scopes: list[Literal["read", "tokens", "people"]]
    status: Literal["active", "expired", "revoked"]
    expires_at: Moment
    allowed_networks: list[str]
    created_at: Moment
    created_by: str
    revoked_at: Moment | None
    revoked_by: str | None
    last_used_at: Moment | None
    last_used_address: str | None


class ManagementTokenList(BaseModel):
    """The management tokens of an account, newest first."""

    model_config = page_of(EXAMPLE)
    items: list[ManagementToken]
    next_cursor: str | None


@operation(
    "GET", PATH, tag=TAG, scopes=READ, permission=Permission.MANAGE_TOKENS, answer=ManagementTokenList,
    audit="Reading the list changes nothing and shows no password.",
)  # fmt: skip
def list_management_tokens(call: Call) -> Answer:
    """List the account's management tokens, newest first, also those that ended."""
    found = management_tokens_of(call.account, actor=call.actor)
    return Answer({"items": [document(each, now=call.now) for each in found], "next_cursor": None})


@operation(
    "POST", PATH + "/{management_token_id}/revoke", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    audit=Event.MANAGEMENT_TOKEN_REVOKED, answer=ManagementToken,
)  # fmt: skip
def revoke_management_token(call: Call, management_token_id: str) -> Answer:
    """Revoke a management token permanently, also the one that you use. Revoking it again changes nothing."""
    token = find_management_token(management_token_id, actor=call.actor, account=call.account)
    return Answer(document(revoke(actor=call.actor, token=token, now=call.now), now=call.now))
