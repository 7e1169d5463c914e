"""Members' requests for tokens (R3). POST a token with `request_id` to grant one."""

from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.log_documents import TokenRequest, TokenRequestList
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.audit.events import Event
from simsim.tokens import token_requests
from simsim.tokens.token_requests import document

TAG = "Requests for tokens"
PATH = "/accounts/{account_id}/token-requests"


@operation(
    "GET", PATH, tag=TAG, scopes=READ, permission=Permission.MANAGE_TOKENS, answer=TokenRequestList,
    audit="Reading requests changes nothing.",
)  # fmt: skip
def list_token_requests(call: Call) -> Answer:
    """List the members’ requests that wait for an answer, oldest first."""
    return Answer({"items": [document(each) for each in token_requests.unanswered(call.account)], "next_cursor": None})


@operation(
    "POST", PATH + "/{request_id}/decline", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS,
    answer=TokenRequest, audit=Event.TOKEN_REQUEST_DECLINED,
)  # fmt: skip
def decline_token_request(call: Call, request_id: str) -> Answer:
    """Decline a request. Declining an answered request changes nothing."""
    found = token_requests.find_request(request_id, account=call.account, actor=call.actor)
    return Answer(document(token_requests.decline_request(actor=call.actor, request=found, now=call.now)))
