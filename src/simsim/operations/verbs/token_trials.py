"""`simsim token allowlist-preview`, `limits-preview` and the suggestions: try restrictions out before setting them."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_one
from simsim.operations.remote import tokens as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.token import TokenId


@remotely(remote.allowlist_preview)
@needs_django
def allowlist_preview(
    token_id: TokenId,
    allow: Annotated[list[str], typer.Option(metavar="CIDR", help="A network to allow; repeatable.")],
    as_json: AsJson = False,
) -> None:
    """Show which requests of the last 30 days an allowlist would have refused."""
    from django.utils import timezone

    from simsim.account_log.allowlist_preview import document, preview_allowlist
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_token_for

    token = find_token_for(token_id, actor=OPERATOR)
    found = preview_allowlist(actor=OPERATOR, token=token, allowed_networks=allow, now=timezone.now())
    print_one(document(found), as_json=as_json)


@remotely(remote.allowlist_suggestion)
@needs_django
def allowlist_suggestion(token_id: TokenId, as_json: AsJson = False) -> None:
    """Show the smallest sensible allowlist for a token's requests of the last 30 days."""
    from django.utils import timezone

    from simsim.account_log.allowlist_preview import suggest_networks
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_token_for

    token = find_token_for(token_id, actor=OPERATOR)
    networks = suggest_networks(actor=OPERATOR, token=token, now=timezone.now())
    print_one({"allowed_networks": networks}, as_json=as_json)


@remotely(remote.limits_preview)
@needs_django
def limits_preview(
    token_id: TokenId,
    limit: Annotated[list[str], typer.Option(metavar="RULE", help="What to allow; repeatable.")],
    as_json: AsJson = False,
) -> None:
    """Show which of the newest requests of the last 30 days limits would have refused."""
    from django.utils import timezone

    from simsim.account_log.limits_preview import document, preview_limits
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_token_for

    token = find_token_for(token_id, actor=OPERATOR)
    print_one(document(preview_limits(actor=OPERATOR, token=token, limits=limit, now=timezone.now())), as_json=as_json)


@remotely(remote.limits_suggestion)
@needs_django
def limits_suggestion(token_id: TokenId, as_json: AsJson = False) -> None:
    """Show limits that allow a token's newest requests of the last 30 days."""
    from django.utils import timezone

    from simsim.account_log.limits_preview import suggest_limits
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_token_for

    token = find_token_for(token_id, actor=OPERATOR)
    print_one({"limits": suggest_limits(actor=OPERATOR, token=token, now=timezone.now())}, as_json=as_json)
