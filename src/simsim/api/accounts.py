"""Accounts, and the catalogue of target software, which the operator extends."""

import uuid

from django.db import transaction

from simsim.accounts import actions
from simsim.accounts.models import Account as AccountRow
from simsim.accounts.people import memberships_of
from simsim.accounts.permissions import Permission, lock_open
from simsim.api.calls import Call
from simsim.api.documents import AccountChanges, NewAccount, NewSoftware
from simsim.api.etags import etag_of, prove_unchanged
from simsim.api.list_pages import PageQuery, page_answer
from simsim.api.log_documents import Account, AccountPage, Software, SoftwareList
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import OPERATOR_ONLY, READ_OR_OPERATOR, TOKENS
from simsim.audit.events import Event
from simsim.management_problem import PreconditionFailed, PreconditionRequired
from simsim.pagination import INVALID_CURSOR
from simsim.problem import AccountClosed, AlreadyExists, FieldError, Invalid
from simsim.rfc3339 import format_time
from simsim.tokens.models import TargetSoftware
from simsim.tokens.self_rotation import let_programs_rotate
from simsim.tokens.software import add_software, retire_software

TAG, SOFTWARE_TAG = "Accounts", "Target software"
READS = "Reading changes nothing."
SHOWS_ETAG = {"ETag": "Send it back in If-Match when you change the account."}
LOCATED = SHOWS_ETAG | {"Location": "The account."}


@operation("GET", "/accounts", tag=TAG, scopes=READ_OR_OPERATOR, audit=READS, query=PageQuery, answer=AccountPage)
def list_accounts(call: Call, query: PageQuery) -> Answer:
    """List the accounts that you can use, sorted by id: all of them with the scope operator."""
    accounts = AccountRow.objects.order_by("pk")
    if not call.caller.is_operator:
        wanted = call.caller.account_id
        own = [each.account_id for each in memberships_of(call.actor.user)] if call.actor.user else []
        accounts = accounts.filter(pk__in=[each for each in own if wanted in {None, each}])
    if query.cursor is not None:
        try:
            accounts = accounts.filter(pk__gt=uuid.UUID(query.cursor))
        except ValueError:
            raise Invalid(FieldError("cursor", INVALID_CURSOR)) from None
    found = list(accounts[: query.limit + 1])
    following = str(found[query.limit - 1].pk) if len(found) > query.limit else None
    return page_answer(call.request, [document(each) for each in found[: query.limit]], following)


@operation(
    "POST", "/accounts", tag=TAG, scopes=OPERATOR_ONLY, audit=Event.ACCOUNT_CREATED, body=NewAccount, answer=Account,
    status=201, creates=True, problems=(AlreadyExists, AccountClosed), headers=LOCATED,
)  # fmt: skip
def create_account(call: Call, body: NewAccount) -> Answer:
    """Create an account; its id is the username of all its tokens."""
    if body.external_id is None:
        account = actions.create_account(actor=call.actor, name=body.name, now=call.now)
    else:
        account, _ = actions.ensure_account(
            actor=call.actor, external_id=body.external_id, name=body.name, now=call.now
        )
    answer = answer_of(account)
    return Answer(answer.document, {**answer.headers, "Location": f"{call.request.path}/{account.pk}"})


@operation(
    "GET", "/accounts/{account_id}", tag=TAG, scopes=READ_OR_OPERATOR, permission=Permission.VIEW_ACCOUNT, audit=READS,
    answer=Account, headers=SHOWS_ETAG,
)  # fmt: skip
def get_account(call: Call) -> Answer:
    """Return an account."""
    return answer_of(call.account)


@operation(
    "PATCH", "/accounts/{account_id}", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_TOKENS, answer=Account,
    audit=Event.SELF_ROTATION_CHANGED, body=AccountChanges, needs_recent=True, headers=SHOWS_ETAG,
    problems=(AccountClosed, PreconditionFailed, PreconditionRequired),
)  # fmt: skip
def edit_account(call: Call, body: AccountChanges) -> Answer:
    """Choose whether programs may rotate the tokens that they hold. Needs If-Match."""
    with transaction.atomic():
        account = lock_open(call.account)
        prove_unchanged(call.request, document(account))
        if "programs_may_rotate" in body.model_fields_set:
            account = let_programs_rotate(
                actor=call.actor, account=account, is_allowed=body.programs_may_rotate, now=call.now
            )
    return answer_of(account)


@operation("GET", "/target-software", tag=SOFTWARE_TAG, scopes=READ_OR_OPERATOR, audit=READS, answer=SoftwareList)
def list_software(call: Call) -> Answer:  # noqa: ARG001 - the catalogue is the same for everybody
    """List the catalogue of target software, by name."""
    return Answer({"items": [software_document(entry) for entry in TargetSoftware.objects.all()], "next_cursor": None})


@operation(
    "POST", "/target-software", tag=SOFTWARE_TAG, scopes=OPERATOR_ONLY, audit=Event.SOFTWARE_ADDED, body=NewSoftware,
    answer=Software, status=201, creates=True, problems=(AlreadyExists,),
)  # fmt: skip
def create_software(call: Call, body: NewSoftware) -> Answer:
    """Add software to the catalogue."""
    return Answer(software_document(add_software(actor=call.actor, slug=body.slug, name=body.name, now=call.now)))


@operation(
    "POST", "/target-software/{slug}/retire", tag=SOFTWARE_TAG, scopes=OPERATOR_ONLY, audit=Event.SOFTWARE_RETIRED,
    answer=Software,
)  # fmt: skip
def retire_target_software(call: Call, slug: str) -> Answer:
    """Stop offering software for new tokens. Tokens that have it keep it. Retiring it again changes nothing."""
    return Answer(software_document(retire_software(actor=call.actor, slug=slug, now=call.now)))


def answer_of(account: AccountRow) -> Answer:
    return Answer(document(account), {"ETag": etag_of(document(account))})


def document(account: AccountRow) -> dict[str, object]:
    return {
        "id": str(account.pk),
        "name": account.name,
        "external_id": account.external_id,
        "created_at": format_time(account.created_at),
        "closed_at": format_time(account.closed_at),
        "programs_may_rotate": account.programs_may_rotate,
    }


def software_document(entry: TargetSoftware) -> dict[str, object]:
    return {"slug": entry.slug, "name": entry.name, "retired_at": format_time(entry.retired_at)}
