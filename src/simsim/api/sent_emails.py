"""The emails about an account's tokens: to whom they were sent, and whether they arrived."""

from pydantic import Field

from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.hand_over_documents import SentEmailPage
from simsim.api.list_pages import PageQuery, page_answer
from simsim.api.notices import TAG
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ
from simsim.tokens.selectors import find_token
from simsim.tokens.sent_notices import document, list_notices


class EmailQuery(PageQuery):
    """The filter of a list of emails."""

    token: str | None = Field(None, description="The id of a token.")


@operation(
    "GET", "/accounts/{account_id}/emails", tag=TAG, scopes=READ, permission=Permission.VIEW_TOKENS, query=EmailQuery,
    answer=SentEmailPage, audit="Reading which emails were sent changes nothing.",
)  # fmt: skip
def list_emails(call: Call, query: EmailQuery) -> Answer:
    """List the emails about the account's tokens, newest first, without their contents."""
    token = find_token(query.token, actor=call.actor, account=call.account) if query.token else None
    found, following = list_notices(
        call.account, actor=call.actor, token=token, limit=query.limit, cursor=query.cursor
    )  # fmt: skip
    return page_answer(call.request, [document(each) for each in found], following)
