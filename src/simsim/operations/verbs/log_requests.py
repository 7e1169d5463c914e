"""`simsim log show`, `follow` and `counted`: one request, new requests, and those that were only counted."""
# ruff: noqa: PLC0415 - help answers without Django

import time
from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_lines, print_one
from simsim.operations.remote import reports as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.log import (
    AccountId,
    Address,
    Endpoint,
    FilterOptions,
    OutcomeOption,
    Since,
    Software,
    Status,
    TokenId,
    Until,
    filters_of,
)

POLL_SECONDS = 2.0


@remotely(remote.show_request)
@needs_django
def show(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request's id.")],
    account: AccountId,
    as_json: AsJson = False,
) -> None:
    """Show one logged request."""
    from simsim.account_log.requests import find_request
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.pagination import MAX_ID
    from simsim.problem import NotFound, gettext_noop
    from simsim.request_log.search.selectors import document

    if not (request_id.isascii() and request_id.isdecimal()) or int(request_id[:20]) > MAX_ID:
        raise NotFound(gettext_noop("The log has no request with the id “%(id)s”."), id=request_id)
    found = find_request(int(request_id), actor=OPERATOR, account=find_account(account, actor=OPERATOR))
    print_one(document(found), as_json=as_json)


@remotely(remote.follow_log)
@needs_django
def follow(
    *,
    account: AccountId,
    after: Annotated[
        int | None, typer.Option(metavar="ID", min=0, help="Begin after this request instead of now.")
    ] = None,
    endpoint: Endpoint = None,
    status: Status = None,
    outcome: OutcomeOption = None,
    address: Address = None,
    token: TokenId = None,
    software: Software = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="N", min=0, help="Stop after this time instead of at Ctrl-C.")
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Print an account's new requests as lines of JSON, oldest first, each once, some seconds after they arrived."""
    from django.utils import timezone

    from simsim.account_log.new_requests import last_complete_id, requests_after
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.request_log.search.selectors import document

    del as_json  # the output is JSON anyway
    found, began = find_account(account, actor=OPERATOR), time.monotonic()
    options = FilterOptions(None, None, endpoint, status, token, software, outcome, address)
    filters, last_id = filters_of(found, options), after
    while True:
        through = last_complete_id(timezone.now())
        last_id = through if last_id is None else last_id
        if last_id is not None and through is not None:
            for rows, reached in requests_after(last_id, through, found, actor=OPERATOR, filters=filters):
                print_lines(document(row) for row in rows)
                last_id = reached
        if seconds is not None and time.monotonic() - began >= seconds:
            return
        time.sleep(POLL_SECONDS if seconds is None else min(POLL_SECONDS, seconds))


@remotely(remote.count_requests)
@needs_django
def counted(
    *,
    account: AccountId,
    since: Since = None,
    until: Until = None,
    endpoint: Endpoint = None,
    status: Status = None,
    outcome: OutcomeOption = None,
    address: Address = None,
    token: TokenId = None,
    software: Software = None,
    as_json: AsJson = False,
) -> None:
    """Show how many matching requests were counted but not listed: the refused requests of a flood."""
    from simsim.account_log.requests import counted_document
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    found = find_account(account, actor=OPERATOR)
    options = FilterOptions(since, until, endpoint, status, token, software, outcome, address)
    print_one(counted_document(found, actor=OPERATOR, filters=filters_of(found, options)), as_json=as_json)
