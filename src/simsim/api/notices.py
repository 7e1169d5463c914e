"""Who gets which notice about tokens (B10)."""

from django.db import transaction

from simsim.accounts.permissions import Permission, lock_open
from simsim.api.calls import Call
from simsim.api.documents import NoticeChoices
from simsim.api.etags import etag_of, prove_unchanged
from simsim.api.log_documents import Notices
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.audit.events import Event
from simsim.management_problem import PreconditionFailed, PreconditionRequired
from simsim.tokens.notice_policy import Policy, notice_policy, row_values, set_notice_policy

TAG = "Notices"
PATH = "/accounts/{account_id}/notices"
SHOWS_ETAG = {"ETag": "Send it back in If-Match when you change the choices."}


@operation(
    "GET", PATH, tag=TAG, scopes=READ, permission=Permission.MANAGE_TOKENS, answer=Notices, headers=SHOWS_ETAG,
    audit="Reading choices changes nothing.",
)  # fmt: skip
def get_notices(call: Call) -> Answer:
    """Return who gets which notice, and how early expiry notices are sent."""
    return answer_of(notice_policy(call.account, actor=call.actor))


@operation(
    "PUT", PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, answer=Notices, headers=SHOWS_ETAG,
    audit=Event.NOTICES_CHANGED, body=NoticeChoices, problems=(PreconditionFailed, PreconditionRequired),
)  # fmt: skip
def set_notices(call: Call, body: NoticeChoices) -> Answer:
    """Choose who gets which notice, and the additional days of expiry notices. Needs If-Match."""
    with transaction.atomic():
        lock_open(call.account)
        prove_unchanged(call.request, row_values(notice_policy(call.account, actor=call.actor)))
        policy = set_notice_policy(
            actor=call.actor,
            account=call.account,
            audiences=body.audiences,
            early_days=body.early_days,
            now=call.now,
        )
    return answer_of(policy)


def answer_of(policy: Policy) -> Answer:
    document = row_values(policy)
    return Answer(document, {"ETag": etag_of(document)})
