"""`simsim token pause` and `resume`: a token stops working for a time, and works again."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson
from simsim.operations.remote import tokens as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.token import As, TokenId, print_token


@remotely(remote.pause_token)
@needs_django
def pause(
    token_id: TokenId,
    acting_as: As,
    until: Annotated[
        str,
        typer.Option(
            metavar="TIME", show_default=False,
            help="When it works again by itself: 2h, 7d, 2027-01-31 (after that day, UTC) or a time such as "
            "2027-01-31T12:00Z.",
        ),
    ] = "",
    reason: Annotated[str, typer.Option(help="Why, for the other administrators.", show_default=False)] = "",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Pause a token: once this returns, no request with it is accepted until it is resumed or the pause ends."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens.pause import pause_token

    actor = find_actor(acting_as)
    token = pause_token(
        actor=actor, token=find_token_for(token_id, actor=actor), until=until, reason=reason, now=timezone.now()
    )
    print_token(token, as_json=as_json)


@remotely(remote.resume_token)
@needs_django
def resume(token_id: TokenId, acting_as: As, as_json: AsJson = False) -> None:
    """Resume a paused token: once this returns, its requests are accepted again."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens.pause import resume_token

    actor = find_actor(acting_as)
    token = resume_token(actor=actor, token=find_token_for(token_id, actor=actor), now=timezone.now())
    print_token(token, as_json=as_json)
