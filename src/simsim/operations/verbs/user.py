"""`simsim user`: the people who sign in for an account."""
# ruff: noqa: PLC0415 - help answers without Django

import secrets
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.remote import accounts as remote
from simsim.operations.remote.twins import remotely
from simsim.problem import FieldError, Invalid, gettext_noop
from simsim.rfc3339 import format_time

if TYPE_CHECKING:
    from simsim.accounts.models import Account, User

users = typer.Typer(no_args_is_help=True, help="Users: the people who sign in for an account.")
COLUMNS = ["email", "role", "joined_at", "last_sign_in_at"]


class RoleName(StrEnum):
    ADMINISTRATOR = "administrator"
    MEMBER = "member"


Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The user's email address, with which they sign in.")]
AccountId = Annotated[str, typer.Option(metavar="ID", help="The user's account.")]
Role = Annotated[RoleName, typer.Option(help="Administrators manage the account's tokens; members do not.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]


@users.command("create")
@needs_django
def create_user(
    email: Email,
    account: AccountId,
    role: Role,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Add a user to an account, and create the user if the address is new.

    Without --password-stdin a new user gets a random password, printed once. An existing user keeps their password.
    """
    from django.utils import timezone

    from simsim.accounts import actions
    from simsim.accounts.models import User, normal_email
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    found = find_account(account, actor=OPERATOR)
    is_known = User.objects.filter(email=normal_email(email)).exists()
    password = password_of(email, found, is_known=is_known, is_given=password_stdin)
    member = actions.add_user(
        actor=OPERATOR, account=found, email=email, role=role.value, password=password, now=timezone.now()
    )
    document = {"id": member.user.pk, "email": member.user.email, "account_id": str(found.pk), "role": member.role}
    note = "The user keeps their password." if is_known else ""
    if password and not password_stdin:
        document["password"] = password
        note = "The password is not shown again. The user can change it in the console."
    print_one(document, as_json=as_json, note=note)


@users.command("list")
@remotely(remote.list_users, columns=COLUMNS)
@needs_django
def list_users(account: AccountId, as_json: AsJson = False) -> None:
    """List the people of an account, administrators first."""
    from simsim.accounts.people import people_of
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    items = [
        {
            "id": person.user.pk,
            "email": person.user.email,
            "role": person.membership.role,
            "joined_at": format_time(person.membership.created_at),
            "last_sign_in_at": format_time(person.last_sign_in),
        }
        for person in people_of(find_account(account, actor=OPERATOR), actor=OPERATOR)
    ]
    print_list(items, COLUMNS, as_json=as_json)


@users.command("invite")
@remotely(remote.invite_user)
@needs_django
def invite_user(email: Email, account: AccountId, role: Role, as_json: AsJson = False) -> None:
    """Add a user to an account and email them a link to choose a password, or to sign in."""
    from django.utils import timezone

    from simsim.accounts import invitations
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    found = find_account(account, actor=OPERATOR)
    member = invitations.invite(actor=OPERATOR, account=found, email=email, role=role.value, now=timezone.now())
    document = {"id": member.user.pk, "email": member.user.email, "account_id": str(found.pk), "role": member.role}
    print_one(document, as_json=as_json, note=remote.INVITED)


@users.command("invite-again")
@remotely(remote.invite_again)
@needs_django
def invite_again(email: Email, account: AccountId, as_json: AsJson = False) -> None:
    """Send the invitation again to a user who has not signed in yet."""
    from django.utils import timezone

    from simsim.accounts import invitations
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account, find_member

    found = find_account(account, actor=OPERATOR)
    user = find_member(email, account=found)
    member = invitations.invite_again(actor=OPERATOR, account=found, user=user, now=timezone.now())
    document = {"id": member.user.pk, "email": member.user.email, "account_id": str(found.pk), "role": member.role}
    print_one(document, as_json=as_json, note=remote.INVITED)


@users.command("role")
@remotely(remote.change_role)
@needs_django
def change_role(email: Email, account: AccountId, role: Role, as_json: AsJson = False) -> None:
    """Make a user an administrator or a member. An account keeps at least one administrator."""
    from django.utils import timezone

    from simsim.accounts import actions
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account, find_member

    found = find_account(account, actor=OPERATOR)
    user = find_member(email, account=found)
    member = actions.change_role(actor=OPERATOR, account=found, user=user, role=role.value, now=timezone.now())
    print_one({"email": user.email, "account_id": str(found.pk), "role": member.role}, as_json=as_json)


@users.command("remove")
@remotely(remote.remove_user)
@needs_django
def remove_user(email: Email, account: AccountId, as_json: AsJson = False) -> None:
    """Remove a user from an account at once; the tokens that they created keep working."""
    from django.utils import timezone

    from simsim.accounts import actions
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account, find_member

    found = find_account(account, actor=OPERATOR)
    user = find_member(email, account=found)
    actions.remove_user(actor=OPERATOR, account=found, user=user, now=timezone.now())
    print_one({"email": user.email, "account_id": str(found.pk), "removed": True}, as_json=as_json)


@users.command("reset-password")
@needs_django
def reset_password(email: Email, password_stdin: PasswordStdin = False, as_json: AsJson = False) -> None:
    """Give a user a new password and end all their sessions. Without --password-stdin it is random and printed once."""
    from django.utils import timezone

    from simsim.accounts import passwords
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_user

    user = find_user(email)
    password = read_password(user.email, user=user) if password_stdin else secrets.token_urlsafe(18)
    passwords.reset_password(actor=OPERATOR, user=user, password=password, now=timezone.now())
    document: dict[str, object] = {"id": user.pk, "email": user.email}
    if not password_stdin:
        document["password"] = password
    note = "" if password_stdin else "The password is not shown again. The user can change it in the console."
    print_one(document, as_json=as_json, note=note)


def password_of(email: str, account: "Account | None" = None, *, is_known: bool, is_given: bool) -> str | None:
    """Return a new user's password, read from standard input or generated; None for a user who already has one.

    Raises Invalid for a password that would be ignored, because the operator would think that it was set.
    """
    if is_known and is_given:
        raise Invalid(
            FieldError(
                "password", gettext_noop("This user already has a password, which this command does not change.")
            )
        )
    if is_known:
        return None
    return read_password(email, account=account) if is_given else secrets.token_urlsafe(18)


def read_password(email: str, *, user: "User | None" = None, account: "Account | None" = None) -> str:
    """Return the first line of standard input; raise Invalid if it breaks a rule for passwords."""
    from simsim.operations.arguments import prove_password

    return prove_password(email, sys.stdin.readline().rstrip("\r\n"), user=user, account=account)
