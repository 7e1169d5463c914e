"""`simsim incident`: what to do when somebody may have stolen tokens or a sign-in."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_one
from simsim.operations.remote import incidents as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.selection_options import Account
from simsim.operations.verbs import incident_selections

if TYPE_CHECKING:
    from simsim.accounts.permissions import Actor

incidents = typer.Typer(no_args_is_help=True, help="Incidents: stop what may have been stolen.")
incidents.command("preview")(incident_selections.preview)
incidents.command("stop")(incident_selections.stop)
incidents.command("resume")(incident_selections.resume)
incidents.command("networks-preview")(incident_selections.preview_networks)
incidents.command("networks")(incident_selections.change_networks)
incidents.command("report")(incident_selections.report)
As = Annotated[
    str | None, typer.Option("--as", metavar="EMAIL", help="The administrator to act as; without it, the operator.")
]


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


def actor_of(email: str | None) -> "Actor":
    """Return the administrator, or the operator if None is named."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_actor

    return OPERATOR if email is None else find_actor(email)
