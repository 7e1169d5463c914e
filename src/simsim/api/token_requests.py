"""Requests for tokens: of members, and of administrators who need a second one (R3, B10).

POST a token with `request_id` to grant a member's.
"""

from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.documents import NewToken
from simsim.api.field_names import sent_as
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.api.token_request_documents import TokenRequest, TokenRequestList
from simsim.audit.events import Event
from simsim.problem import (
    AlreadyAnswered,
    AlreadyExists,
    AskerNotAdministrator,
    CreationFrozen,
    NotInThisSession,
    OwnRequest,
    TooManyRequested,
)
from simsim.tokens import approval, models, token_requests
from simsim.tokens.token_fields import TokenFields
from simsim.tokens.token_requests import document

TAG = "Requests for tokens"
PATH = "/accounts/{account_id}/token-requests"
READS = "Reading requests changes nothing."


@operation(
    "GET", PATH, tag=TAG, scopes=READ, permission=Permission.MANAGE_TOKENS, answer=TokenRequestList, audit=READS,
)  # fmt: skip
def list_token_requests(call: Call) -> Answer:
    """List the requests that wait for an answer, oldest first."""
    return Answer({"items": [document(each) for each in token_requests.unanswered(call.account)], "next_cursor": None})


@operation(
    "POST", PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, answer=TokenRequest, status=201,
    body=NewToken, audit=Event.TOKEN_REQUESTED, creates=True, needs_recent=True,
    problems=(AlreadyExists, CreationFrozen, NotInThisSession, TooManyRequested),
    headers={"Location": "The new request."},
)  # fmt: skip
def ask_for_approval(call: Call, body: NewToken) -> Answer:
    """Ask for the approval of a token that a policy lets nobody create alone. The other administrators are notified.

    Read the request later: once it is granted, it has the token’s id, and you can retrieve the credentials.
    """
    member = request_in(call, body.request_id) if body.request_id is not None else None
    fields = TokenFields(
        body.name, body.expires, body.description, body.software, body.allowed_networks, body.report_only, body.limits,
        body.rates,
    )  # fmt: skip
    with sent_as(expires_at="expires"):
        asked = approval.ask_for_approval(
            actor=call.actor, account=call.account, fields=fields, request=member, now=call.now
        )
    return Answer(document(asked), {"Location": f"{call.request.path}/{asked.pk}"})


@operation(
    "GET", PATH + "/{request_id}", tag=TAG, scopes=READ, permission=Permission.MANAGE_TOKENS, answer=TokenRequest,
    audit=READS,
)  # fmt: skip
def get_token_request(call: Call, request_id: str) -> Answer:
    """Return a request, answered or not."""
    return Answer(document(request_in(call, request_id)))


@operation(
    "POST", PATH + "/{request_id}/approve", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    answer=TokenRequest, audit=Event.TOKEN_REQUEST_GRANTED, needs_recent=True,
    problems=(
        AlreadyAnswered, AlreadyExists, AskerNotAdministrator, CreationFrozen, NotInThisSession, OwnRequest,
    ),
)  # fmt: skip
def approve_token_request(call: Call, request_id: str) -> Answer:
    """Approve the token that another administrator asked for. It is created as they asked, and belongs to them."""
    found = request_in(call, request_id)
    approval.approve_request(actor=call.actor, request=found, now=call.now)
    return Answer(document(found))


@operation(
    "POST", PATH + "/{request_id}/decline", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    answer=TokenRequest, audit=Event.TOKEN_REQUEST_DECLINED,
)  # fmt: skip
def decline_token_request(call: Call, request_id: str) -> Answer:
    """Decline a request, or withdraw your own. Declining an answered request changes nothing."""
    found = request_in(call, request_id)
    return Answer(document(token_requests.decline_request(actor=call.actor, request=found, now=call.now)))


def request_in(call: Call, request_id: str) -> models.TokenRequest:
    """Return the account's request; raise NotFound."""
    return token_requests.find_request(request_id, account=call.account, actor=call.actor)
