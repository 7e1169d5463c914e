"""What an account does during an incident: it freezes the creation of tokens (B18)."""

from pydantic import BaseModel, ConfigDict, Field

from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.documents import AT, Given, Moment
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.audit.events import Event
from simsim.problem import AccountClosed
from simsim.tokens import creation_freeze

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
