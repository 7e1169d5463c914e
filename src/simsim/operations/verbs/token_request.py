"""`simsim token-request`: requests for tokens, of members and of administrators who need a second one."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.limit_options import limits_of
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.remote import token_requests as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.log import AccountId
from simsim.operations.verbs.token import ALLOW, EXPIRES, As, Limit, Rate, ReadOnly, ReportOnly, Software

if TYPE_CHECKING:
    from simsim.accounts.permissions import Actor
    from simsim.tokens.models import TokenRequest

token_requests = typer.Typer(
    no_args_is_help=True, help="Requests for tokens: what members ask for, and what needs a second administrator."
)
COLUMNS = ["id", "name", "asked_by", "asked_at", "software", "purpose"]
RequestId = Annotated[str, typer.Argument(metavar="ID", help="The request's id.")]


@token_requests.command("list")
@remotely(remote.list_token_requests, columns=COLUMNS)
@needs_django
def list_requests(account: AccountId, as_json: AsJson = False) -> None:
    """List the requests that wait for an answer, oldest first."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.tokens.token_requests import document, unanswered

    found = unanswered(find_account(account, actor=OPERATOR))
    print_list([document(each) for each in found], COLUMNS, as_json=as_json)


@token_requests.command("ask")
@remotely(remote.ask_for_approval)
@needs_django
def ask(
    *,
    account: AccountId,
    acting_as: As,
    name: Annotated[str, typer.Option(help="The token's name.")],
    expires: Annotated[str, EXPIRES],
    description: Annotated[str, typer.Option(help="Where the token is used.")] = "",
    software: Software = None,
    allow: Annotated[list[str] | None, ALLOW] = None,
    report_only: ReportOnly = False,
    limit: Limit = None,
    read_only: ReadOnly = False,
    rate: Rate = None,
    as_json: AsJson = False,
) -> None:
    """Ask the other administrators to approve a token that a policy lets nobody create alone."""
    from django.utils import timezone

    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens.approval import ask_for_approval
    from simsim.tokens.token_fields import TokenFields
    from simsim.tokens.token_requests import document

    actor, limits = find_actor(acting_as), limits_of(limit, is_read_only=read_only) or []
    fields = TokenFields(name, expires, description, software, allow or [], report_only, limits, rate or [])
    asked = ask_for_approval(actor=actor, account=find_account(account, actor=actor), fields=fields, now=timezone.now())
    print_one(document(asked), as_json=as_json)


@token_requests.command("show")
@remotely(remote.show_token_request)
@needs_django
def show(request_id: RequestId, account: AccountId, acting_as: As, as_json: AsJson = False) -> None:
    """Show a request, answered or not. A granted one has the id of its token."""
    from simsim.tokens.token_requests import document

    _, found = actor_and_request(request_id, account, acting_as)
    print_one(document(found), as_json=as_json)


@token_requests.command("approve")
@remotely(remote.approve_token_request)
@needs_django
def approve(request_id: RequestId, account: AccountId, acting_as: As, as_json: AsJson = False) -> None:
    """Approve the token that another administrator asked for: it is created, and belongs to them."""
    from django.utils import timezone

    from simsim.tokens.approval import approve_request
    from simsim.tokens.token_requests import document

    actor, found = actor_and_request(request_id, account, acting_as)
    approve_request(actor=actor, request=found, now=timezone.now())
    print_one(document(found), as_json=as_json)


@token_requests.command("decline")
@remotely(remote.decline_token_request)
@needs_django
def decline(request_id: RequestId, account: AccountId, acting_as: As, as_json: AsJson = False) -> None:
    """Decline a request, or withdraw your own. Declining an answered request changes nothing."""
    from django.utils import timezone

    from simsim.tokens.token_requests import decline_request, document

    actor, found = actor_and_request(request_id, account, acting_as)
    print_one(document(decline_request(actor=actor, request=found, now=timezone.now())), as_json=as_json)


def actor_and_request(request_id: str, account: str, acting_as: str) -> "tuple[Actor, TokenRequest]":
    """Return the administrator and the account's request; raise NotFound or NotPermitted."""
    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens.token_requests import find_request

    actor = find_actor(acting_as)
    return actor, find_request(request_id, account=find_account(account, actor=actor), actor=actor)
