"""`simsim token hand-over`: a link that shows a token's credentials once."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_one
from simsim.operations.remote import tokens as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.spans import parse_span
from simsim.operations.verbs.token import As, TokenId


@remotely(remote.hand_over_token)
@needs_django
def hand_over(
    token_id: TokenId,
    acting_as: As,
    expires_in: Annotated[
        str, typer.Option(metavar="TIME", help="How long the link works: from 5m to 7d.")
    ] = "24h",
    with_code: Annotated[
        bool, typer.Option("--with-code", help="Also ask for a code, which is printed too. Tell it in another way.")
    ] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Print a link that shows a token's username and password once, to whoever opens it and presses the button."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.rfc3339 import format_time
    from simsim.tokens.hand_over import hand_over_token

    actor, time = find_actor(acting_as), parse_span("expires_in", expires_in)
    link = hand_over_token(
        actor=actor,
        token=find_token_for(token_id, actor=actor),
        expires_in=time,
        with_code=with_code,
        now=timezone.now(),
    )
    shown = {"url": link.url, "expires_at": format_time(link.hand_over.expires_at)}
    print_one(shown | ({"code": link.code} if link.code else {}), as_json=as_json)
