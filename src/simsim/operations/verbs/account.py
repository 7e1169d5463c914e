"""`simsim account`: the customers of the API."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.change_warnings import warn_of_name
from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.remote import accounts as remote
from simsim.operations.remote import choices
from simsim.operations.remote.twins import remotely
from simsim.rfc3339 import format_time

if TYPE_CHECKING:
    from simsim.accounts.models import Account

accounts = typer.Typer(no_args_is_help=True, help="Accounts: the customers of the API.")
COLUMNS = ["id", "name", "external_id", "created_at", "closed_at"]

AccountId = Annotated[str, typer.Argument(metavar="ID", help="The account's id.")]


@accounts.command("create")
@remotely(remote.create_account)
@needs_django
def create_account(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The customer's name; it must be unique.")],
    as_json: AsJson = False,
) -> None:
    """Create an account; its id is the username of all its tokens."""
    from django.utils import timezone

    from simsim.accounts import actions
    from simsim.accounts.permissions import OPERATOR

    account = actions.create_account(actor=OPERATOR, name=name, now=timezone.now())
    note = f"Next: simsim user create EMAIL --account {account.pk} --role administrator"
    print_one({"id": str(account.pk), "name": account.name}, as_json=as_json, note=note)
    warn_of_name(account)


@accounts.command("list")
@remotely(remote.list_accounts, columns=COLUMNS)
@needs_django
def list_accounts(as_json: AsJson = False) -> None:
    """List the accounts by name."""
    from django.db.models.functions import Lower

    from simsim.accounts.models import Account

    items = [document(account) for account in Account.objects.order_by(Lower("name"))]
    print_list(items, COLUMNS, as_json=as_json)


@accounts.command("show")
@remotely(choices.show_account)
@needs_django
def show_account(account_id: AccountId, as_json: AsJson = False) -> None:
    """Show an account."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    found = find_account(account_id, actor=OPERATOR)
    print_one(document(found) | {"programs_may_rotate": found.programs_may_rotate}, as_json=as_json)


@accounts.command("self-rotation")
@remotely(choices.let_programs_rotate)
@needs_django
def self_rotation(
    account_id: AccountId,
    acting_as: Annotated[str, typer.Option("--as", metavar="EMAIL", help="The administrator to act as.")],
    allow: Annotated[bool, typer.Option("--allow/--forbid", help="Whether programs may rotate their own token.")],
    as_json: AsJson = False,
) -> None:
    """Choose whether the account's programs may rotate the tokens that they hold."""
    from django.utils import timezone

    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens.self_rotation import let_programs_rotate

    actor = find_actor(acting_as)
    found = find_account(account_id, actor=actor)
    changed = let_programs_rotate(actor=actor, account=found, is_allowed=allow, now=timezone.now())
    print_one(document(changed) | {"programs_may_rotate": changed.programs_may_rotate}, as_json=as_json)


@accounts.command("ensure")
@remotely(remote.ensure_account)
@needs_django
def ensure_account(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the account if it is created.")],
    external_id: Annotated[
        str, typer.Option("--external-id", metavar="TEXT", help="The customer's id in your own system.")
    ],
    as_json: AsJson = False,
) -> None:
    """Print the account with this external id, and create it if there is none. Doing it twice changes nothing."""
    from django.utils import timezone

    from simsim.accounts import actions
    from simsim.accounts.permissions import OPERATOR

    account, is_new = actions.ensure_account(actor=OPERATOR, external_id=external_id, name=name, now=timezone.now())
    print_one(document(account) | {"created": is_new}, as_json=as_json)


@accounts.command("rename")
@needs_django
def rename_account(
    account_id: AccountId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name; it must be unique.")],
    as_json: AsJson = False,
) -> None:
    """Rename an account; its id, people and tokens stay the same."""
    from django.utils import timezone

    from simsim.accounts import actions
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    found = find_account(account_id, actor=OPERATOR)
    renamed = actions.rename_account(actor=OPERATOR, account=found, name=name, now=timezone.now())
    print_one(document(renamed), as_json=as_json)


@accounts.command("close")
@needs_django
def close_account(
    account_id: AccountId,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would end, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Close an account permanently: revoke its tokens, lock out its people, cancel its emails. Its log stays."""
    from contextlib import nullcontext

    from django.db import transaction
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.audit import journal
    from simsim.operations.arguments import find_account
    from simsim.tokens import account_closure

    found = find_account(account_id, actor=OPERATOR)
    with journal.unwritten() if dry_run else nullcontext(), transaction.atomic():
        closed, revoked = account_closure.close_account(actor=OPERATOR, account=found, now=timezone.now())
        transaction.set_rollback(dry_run)
    told = {"revoked_tokens": revoked} | ({"dry_run": True} if dry_run else {})
    note = "Nothing was changed, because of --dry-run." if dry_run else ""
    print_one(document(closed) | told, as_json=as_json, note=note)


class RequiredOf(StrEnum):
    OFF = "off"
    ADMINISTRATORS = "administrators"
    EVERYONE = "everyone"


@accounts.command("require-single-sign-on")
@remotely(choices.require_single_sign_on)
@needs_django
def require_single_sign_on(
    account_id: AccountId,
    required: Annotated[RequiredOf, typer.Argument(metavar="WHOM", help="off, administrators or everyone.")],
    as_json: AsJson = False,
) -> None:
    """Choose who must sign in with the OpenID Connect provider to open an account."""
    from django.utils import timezone

    from simsim.accounts import single_sign_on
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    changed = single_sign_on.require_single_sign_on(
        actor=OPERATOR,
        account=find_account(account_id, actor=OPERATOR),
        required=required.value,
        signed_in_at_provider=False,
        now=timezone.now(),
    )
    print_one({"id": str(changed.pk), "single_sign_on": changed.single_sign_on}, as_json=as_json)


class SecondFactorOf(StrEnum):
    OFF = "off"
    ADMINISTRATORS = "administrators"


@accounts.command("require-second-factor")
@remotely(choices.require_second_factor)
@needs_django
def require_second_factor(
    account_id: AccountId,
    required: Annotated[SecondFactorOf, typer.Argument(metavar="WHOM", help="off or administrators.")],
    as_json: AsJson = False,
) -> None:
    """Choose whether the administrators of an account need a second factor."""
    from django.utils import timezone

    from simsim.accounts import second_factors
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    changed = second_factors.require_second_factor(
        actor=OPERATOR,
        account=find_account(account_id, actor=OPERATOR),
        required=required is SecondFactorOf.ADMINISTRATORS,
        now=timezone.now(),
    )
    print_one({"id": str(changed.pk), "second_factor": required.value}, as_json=as_json)


def document(account: "Account") -> dict[str, object]:

    return {
        "id": str(account.pk),
        "name": account.name,
        "external_id": account.external_id,
        "created_at": format_time(account.created_at),
        "closed_at": format_time(account.closed_at),
    }
