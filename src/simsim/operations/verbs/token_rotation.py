"""`simsim token rotate` and `end-overlap`: a new password, and the end of the previous one."""
# ruff: noqa: PLC0415 - help answers without Django

import re
from datetime import timedelta
from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson
from simsim.operations.verbs.token import As, TokenId, print_token
from simsim.problem import FieldError, Invalid, gettext_noop

SPAN = re.compile(r"^([0-9]{1,6})([smhd])$", re.ASCII)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


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


@needs_django
def end_overlap(token_id: TokenId, acting_as: As, as_json: AsJson = False) -> None:
    """Stop a rotated token's previous password now."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens import actions

    actor = find_actor(acting_as)
    token = actions.end_overlap(actor=actor, token=find_token_for(token_id, actor=actor), now=timezone.now())
    print_token(token, as_json=as_json)


def parse_span(field: str, text: str) -> timedelta:
    """Return the span that `30m`, `24h`, `7d` or `0s` means; raise Invalid, naming the field, otherwise."""
    found = SPAN.match(text.strip())
    if found is None:
        raise Invalid(FieldError(field, gettext_noop("Give a time such as 30m, 24h or 7d.")))
    return timedelta(**{UNITS[found[2]]: int(found[1])})
