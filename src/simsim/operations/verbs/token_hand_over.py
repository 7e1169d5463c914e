"""`simsim token hand-over`: links that show a token's credentials once; and the emails about tokens."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.remote import tokens as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.spans import parse_span
from simsim.operations.verbs.log import AccountId
from simsim.operations.verbs.token import As, TokenId

COLUMNS = ["id", "state", "created_by", "created_at", "expires_at", "used_at"]
EMAIL_COLUMNS = ["id", "kind", "recipient", "state", "at", "answer"]


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
    shown = {"id": str(link.hand_over.pk), "url": link.url, "expires_at": format_time(link.hand_over.expires_at)}
    print_one(shown | ({"code": link.code} if link.code else {}), as_json=as_json)


@remotely(remote.list_hand_overs, columns=COLUMNS)
@needs_django
def list_hand_overs(token_id: TokenId, acting_as: As, as_json: AsJson = False) -> None:
    """List a token's latest hand-over links, newest first, and whether they were used."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens.hand_over_links import document, hand_overs_of

    actor = find_actor(acting_as)
    found = hand_overs_of(find_token_for(token_id, actor=actor), actor=actor)
    print_list([document(each, now=timezone.now()) for each in found], COLUMNS, as_json=as_json)


@remotely(remote.take_back)
@needs_django
def take_back(
    token_id: TokenId,
    hand_over_id: Annotated[
        str, typer.Argument(metavar="LINK-ID", help="The link's id, from “simsim token hand-overs”.")
    ],
    acting_as: As,
    as_json: AsJson = False,
) -> None:
    """Take back a hand-over link, so that it shows nothing. A used or expired link stays as it is."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens.hand_over import take_back
    from simsim.tokens.hand_over_links import document, find_hand_over

    actor, now = find_actor(acting_as), timezone.now()
    found = find_hand_over(hand_over_id, actor=actor, token=find_token_for(token_id, actor=actor))
    print_one(document(take_back(actor=actor, hand_over=found, now=now), now=now), as_json=as_json)


@remotely(remote.list_emails, columns=EMAIL_COLUMNS)
@needs_django
def list_emails(
    account: AccountId,
    token: Annotated[str | None, typer.Option(metavar="ID", help="Only emails about this token.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of emails.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the emails about an account's tokens, newest first: to whom they were sent, and whether they arrived."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account, find_token_for
    from simsim.tokens.sent_notices import document, list_notices

    found, following = list_notices(
        find_account(account, actor=OPERATOR), actor=OPERATOR, limit=limit, cursor=cursor,
        token=find_token_for(token, actor=OPERATOR) if token else None,
    )  # fmt: skip
    print_list([document(each) for each in found], EMAIL_COLUMNS, as_json=as_json, cursor=following)
