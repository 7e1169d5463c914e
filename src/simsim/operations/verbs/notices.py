"""`simsim notices`: who gets which email about an account's tokens."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.notice_options import parse_audience, prove_one_of
from simsim.operations.output import AsJson, print_one
from simsim.operations.remote import choices as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.log import AccountId
from simsim.operations.verbs.token import As

notices = typer.Typer(no_args_is_help=True, help="Notices: who gets which email about an account's tokens.")


@notices.command("show")
@remotely(remote.show_notices)
@needs_django
def show(account: AccountId, acting_as: As, as_json: AsJson = False) -> None:
    """Show who gets which notice, and how many days before the expiry additional notices are sent."""
    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens.notice_policy import notice_policy, row_values

    actor = find_actor(acting_as)
    policy = notice_policy(find_account(account, actor=actor), actor=actor)
    print_one(row_values(policy), as_json=as_json)


@notices.command("set")
@remotely(remote.set_notices)
@needs_django
def set_notices(
    *,
    account: AccountId,
    acting_as: As,
    audience: Annotated[
        list[str] | None,
        typer.Option(metavar="NOTICE=WHO", help="Such as token_expired=administrators; repeatable."),
    ] = None,
    early_days: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Days before the expiry: 30, 14, 7 or 1; repeatable.")
    ] = None,
    no_early_days: Annotated[bool, typer.Option("--no-early-days", help="Send no additional notices.")] = False,
    as_json: AsJson = False,
) -> None:
    """Choose who gets which notice; notices that are not given stay as they are."""
    from django.utils import timezone

    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens.notice_policy import notice_policy, row_values, set_notice_policy

    prove_one_of(early_days, no_early_days=no_early_days)
    actor = find_actor(acting_as)
    found = find_account(account, actor=actor)
    present = notice_policy(found, actor=actor).early_days
    policy = set_notice_policy(
        actor=actor,
        account=found,
        audiences=dict(parse_audience(text) for text in audience or ()),
        early_days=[] if no_early_days else early_days or present,
        now=timezone.now(),
    )
    print_one(row_values(policy), as_json=as_json)
