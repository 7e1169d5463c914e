"""`simsim token rotate` and `end-overlap`: a new password, and the end of the previous one."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson
from simsim.operations.remote import tokens as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.spans import parse_span
from simsim.operations.verbs.token import As, TokenId, print_token


@remotely(remote.rotate_token)
@needs_django
def rotate(
    token_id: TokenId,
    acting_as: As,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="How long the current password keeps working: 30m, 24h, 7d, 0s.")
    ] = "24h",
    as_json: AsJson = False,
) -> None:
    """Give a token a new password and print it."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens import actions

    actor, time = find_actor(acting_as), parse_span("overlap", overlap)
    token, credentials = actions.rotate_token(
        actor=actor, token=find_token_for(token_id, actor=actor), overlap=time, now=timezone.now()
    )
    shown = {"username": credentials.username, "password": credentials.password}
    print_token(token, as_json=as_json, more=shown)


@remotely(remote.end_overlap)
@needs_django
def end_overlap(token_id: TokenId, acting_as: As, as_json: AsJson = False) -> None:
    """Stop a rotated token's previous password now."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens import actions

    actor = find_actor(acting_as)
    token = actions.end_overlap(actor=actor, token=find_token_for(token_id, actor=actor), now=timezone.now())
    print_token(token, as_json=as_json)
