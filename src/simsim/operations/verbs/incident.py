"""`simsim incident`: what to do when somebody may have stolen tokens or a sign-in."""
# ruff: noqa: PLC0415 - help answers without Django

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_one
from simsim.operations.remote import incidents as remote
from simsim.operations.remote.twins import remotely

if TYPE_CHECKING:
    from simsim.accounts.permissions import Actor

incidents = typer.Typer(no_args_is_help=True, help="Incidents: stop what may have been stolen.")
Account = Annotated[str, typer.Option(metavar="ID", help="The account's id.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="EMAIL", help="The administrator to act as; without it, the operator.")
]
Creator = Annotated[str, typer.Option(metavar="EMAIL", help="Tokens that this person created.")]
Software = Annotated[str, typer.Option(metavar="SLUG", help="Tokens for this target software.")]
Allows = Annotated[str, typer.Option(metavar="ADDRESS", help="Tokens whose allowed networks let this address in.")]
UsedFrom = Annotated[str, typer.Option(metavar="CIDR", help="Tokens that were used from this network.")]
CreatedBefore = Annotated[str | None, typer.Option(metavar="TIME", help="Tokens created before then.")]
UsedBefore = Annotated[str | None, typer.Option(metavar="TIME", help="Tokens last used before then, or never.")]
UsedAfter = Annotated[str | None, typer.Option(metavar="TIME", help="Tokens last used then or later.")]


class ActName(StrEnum):
    PAUSE = "pause"
    REVOKE = "revoke"


@incidents.command("show")
@remotely(remote.show_freeze)
@needs_django
def show(account: Account, as_json: AsJson = False) -> None:
    """Print whether the creation of tokens is frozen in an account, why, by whom and since when."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.tokens.creation_freeze import creation_freeze, document

    print_one(document(creation_freeze(find_account(account, actor=OPERATOR), actor=OPERATOR)), as_json=as_json)


@incidents.command("freeze")
@remotely(remote.freeze)
@needs_django
def freeze(
    account: Account,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; everybody in the account sees it.")],
    acting_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Refuse new tokens in an account until the freeze is lifted. Existing tokens keep working and can be rotated."""
    from django.utils import timezone

    from simsim.operations.arguments import find_account
    from simsim.tokens.creation_freeze import document, freeze_creation

    actor = actor_of(acting_as)
    frozen = freeze_creation(actor=actor, account=find_account(account, actor=actor), reason=reason, now=timezone.now())
    print_one(document(frozen), as_json=as_json)


@incidents.command("lift")
@remotely(remote.lift_freeze)
@needs_django
def lift(account: Account, acting_as: As = None, as_json: AsJson = False) -> None:
    """Allow new tokens in an account again. Only the operator can lift the operator's freeze."""
    from django.utils import timezone

    from simsim.operations.arguments import find_account
    from simsim.tokens.creation_freeze import document, lift_freeze

    actor = actor_of(acting_as)
    lift_freeze(actor=actor, account=find_account(account, actor=actor), now=timezone.now())
    print_one(document(None), as_json=as_json)


@incidents.command("preview")
@remotely(remote.preview_selection)
@needs_django
def preview(
    *,
    account: Account,
    creator: Creator = "",
    software: Software = "",
    allows: Allows = "",
    used_from: UsedFrom = "",
    created_before: CreatedBefore = None,
    used_before: UsedBefore = None,
    used_after: UsedAfter = None,
    as_json: AsJson = False,
) -> None:
    """Print the tokens of an account that meet every filter, and the fingerprint of this selection."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.tokens.token_selection import TokenFilter, document, select_tokens

    now = timezone.now()
    moments = moments_of(created_before=created_before, used_before=used_before, used_after=used_after)
    chosen = TokenFilter(creator=creator, software=software, allows=allows, used_from=used_from, **moments)
    selection = select_tokens(find_account(account, actor=OPERATOR), actor=OPERATOR, chosen=chosen, now=now)
    print_one(document(selection, now), as_json=as_json)


@incidents.command("stop")
@remotely(remote.stop_selection)
@needs_django
def stop(
    *,
    account: Account,
    acting_as: Annotated[str, typer.Option("--as", metavar="EMAIL", help="The administrator to act as.")],
    act: Annotated[ActName, typer.Option(help="Whether to pause the tokens without end, or to revoke them.")],
    fingerprint: Annotated[str, typer.Option(metavar="TEXT", help="The preview's fingerprint.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why: a text, or the reason of a revocation.")] = "",
    creator: Creator = "",
    software: Software = "",
    allows: Allows = "",
    used_from: UsedFrom = "",
    created_before: CreatedBefore = None,
    used_before: UsedBefore = None,
    used_after: UsedAfter = None,
    as_json: AsJson = False,
) -> None:
    """Pause or revoke the tokens of a preview with the same filters; if the selection has changed, stop nothing."""
    from django.utils import timezone

    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens.selection_stop import Act, stop_selection
    from simsim.tokens.token_selection import TokenFilter

    actor = find_actor(acting_as)
    moments = moments_of(created_before=created_before, used_before=used_before, used_after=used_after)
    stopped = stop_selection(
        actor=actor,
        account=find_account(account, actor=actor),
        act=Act(act.value),
        chosen=TokenFilter(creator=creator, software=software, allows=allows, used_from=used_from, **moments),
        fingerprint=fingerprint,
        reason=reason,
        now=timezone.now(),
    )
    print_one(stopped.document(), as_json=as_json)


def moments_of(**given: str | None) -> dict[str, datetime | None]:
    """Return the times that the options mean; raise Invalid."""
    from simsim.account_log.time_filters import parse_moment

    return {name: parse_moment(name, text) for name, text in given.items()}


def actor_of(email: str | None) -> "Actor":
    """Return the administrator, or the operator if None is named."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_actor

    return OPERATOR if email is None else find_actor(email)
