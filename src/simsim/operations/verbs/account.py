"""`simsim account` and `simsim user`: customers of the API, and the people who sign in for them."""
# ruff: noqa: PLC0415 - help answers without Django

import secrets
import sys
from enum import StrEnum
from typing import Annotated

import typer

from simsim.operations.cautions import warn_of_name
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.wiring import needs_django
from simsim.problem import FieldError, Invalid, gettext_noop

accounts = typer.Typer(no_args_is_help=True, help="Accounts: the customers of the API.")
users = typer.Typer(no_args_is_help=True, help="Users: the people who sign in for an account.")


class RoleName(StrEnum):
    ADMINISTRATOR = "administrator"
    MEMBER = "member"


@accounts.command("create")
@needs_django
def create_account(
    name: Annotated[str, typer.Argument(help="The customer's name, unique.")], as_json: AsJson = False
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
@needs_django
def list_accounts(as_json: AsJson = False) -> None:
    """List the accounts by name."""
    from django.db.models.functions import Lower

    from simsim.accounts.models import Account
    from simsim.tokens.reading import iso

    items = [
        {"id": str(account.pk), "name": account.name, "created_at": iso(account.created_at)}
        for account in Account.objects.order_by(Lower("name"))
    ]
    print_list(items, ["id", "name", "created_at"], as_json=as_json)


@users.command("create")
@needs_django
def create_user(
    email: Annotated[str, typer.Argument(help="The address to sign in with.")],
    account: Annotated[str, typer.Option(metavar="ID", help="The account that the user belongs to.")],
    role: Annotated[RoleName, typer.Option(help="Administrators manage the account's tokens; members do not.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a user to an account, and create the user when the address is new.

    Without --password-stdin a new user gets a random password, printed once. Who has a sign-in keeps their password.
    """
    from django.utils import timezone

    from simsim.accounts import actions
    from simsim.accounts.models import User, normal_email
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.finding import find_account

    found = find_account(account, actor=OPERATOR)
    is_known = User.objects.filter(email=normal_email(email)).exists()
    password = password_of(email, is_known=is_known, is_given=password_stdin)
    member = actions.add_user(
        actor=OPERATOR, account=found, email=email, role=role.value, password=password, now=timezone.now()
    )
    document = {"id": member.user.pk, "email": member.user.email, "account_id": str(found.pk), "role": member.role}
    note = "The user keeps the password that they have." if is_known else ""
    if password and not password_stdin:
        document["password"] = password
        note = "The password is shown this once; the user can change it in the console."
    print_one(document, as_json=as_json, note=note)


def password_of(email: str, *, is_known: bool, is_given: bool) -> str | None:
    """Return the password of a new user, read from standard input or made; None for a user who has one already.

    Raises Invalid for one that is given in vain: the operator would believe that it works.
    """
    if is_known and is_given:
        raise Invalid(
            FieldError("password", gettext_noop("This user has a password already, and it is not changed here."))
        )
    if is_known:
        return None
    return read_password(email) if is_given else secrets.token_urlsafe(18)


def read_password(email: str) -> str:
    """Return the first line of standard input; raise Invalid when it is no good password."""
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from simsim.accounts.models import User

    password = sys.stdin.readline().rstrip("\r\n")
    try:
        validate_password(password, User(email=email))
    except ValidationError as error:
        raise Invalid(FieldError("password", " ".join(error.messages).replace("%", "%%"))) from None
    return password
