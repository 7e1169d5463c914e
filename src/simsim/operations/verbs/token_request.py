"""`simsim token-request`: members' requests for tokens."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.remote import tokens as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.log import AccountId
from simsim.operations.verbs.token import As

token_requests = typer.Typer(no_args_is_help=True, help="Requests for tokens: what members ask administrators for.")
COLUMNS = ["id", "name", "asked_by", "asked_at", "software", "purpose"]


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


@token_requests.command("decline")
@remotely(remote.decline_token_request)
@needs_django
def decline(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The request's id.")],
    account: AccountId,
    acting_as: As,
    as_json: AsJson = False,
) -> None:
    """Decline a request. Declining an answered request changes nothing."""
    from django.utils import timezone

    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens.token_requests import decline_request, document, find_request

    actor = find_actor(acting_as)
    found = find_request(request_id, account=find_account(account, actor=actor), actor=actor)
    print_one(document(decline_request(actor=actor, request=found, now=timezone.now())), as_json=as_json)
