"""`simsim operator`: the people who see in the console how the installation is."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.verbs.user import PasswordStdin, password_of
from simsim.rfc3339 import format_time

operators = typer.Typer(
    no_args_is_help=True, help="Operators: the people who see in the console how the installation is."
)
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The email address with which the operator signs in.")]
COLUMNS = ["email", "operator_since", "last_sign_in_at"]


@operators.command("add")
@needs_django
def add(email: Email, password_stdin: PasswordStdin = False, as_json: AsJson = False) -> None:
    """Make a user an operator, and create the user if the address is new. Doing it twice changes nothing.

    An operator gets no access to any account. Without --password-stdin a new user gets a random password, printed once.
    """
    from django.utils import timezone

    from simsim.accounts.models import User, normal_email
    from simsim.accounts.operators import add_operator
    from simsim.accounts.permissions import OPERATOR

    is_known = User.objects.filter(email=normal_email(email)).exists()
    password = password_of(email, is_known=is_known, is_given=password_stdin)
    user, is_new = add_operator(actor=OPERATOR, email=email, password=password, now=timezone.now())
    document = {"id": user.pk, "email": user.email, "operator_since": format_time(user.operator_since)}
    note = "" if is_new else "Nothing has changed: this user is an operator already."
    if password and not password_stdin:
        document["password"] = password
        note = "The password is not shown again. The user can change it in the console."
    print_one(document, as_json=as_json, note=note)


@operators.command("remove")
@needs_django
def remove(email: Email, as_json: AsJson = False) -> None:
    """Take the operator's pages from a user, at once. The user keeps their accounts."""
    from django.utils import timezone

    from simsim.accounts.operators import remove_operator
    from simsim.accounts.permissions import OPERATOR

    user = remove_operator(actor=OPERATOR, email=email, now=timezone.now())
    print_one({"email": user.email, "removed": True}, as_json=as_json)


@operators.command("list")
@needs_django
def list_operators(as_json: AsJson = False) -> None:
    """List the operators of this installation."""
    from simsim.accounts.operators import operators as found

    items = [
        {
            "email": user.email,
            "operator_since": format_time(user.operator_since),
            "last_sign_in_at": format_time(user.last_login),
        }
        for user in found()
    ]
    print_list(items, COLUMNS, as_json=as_json)
