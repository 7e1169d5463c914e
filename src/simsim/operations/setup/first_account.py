"""The first account and its administrator: asked for, and created unless they exist."""

import sys
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from simsim.accounts import actions
from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.name_keys import name_key, same_named
from simsim.accounts.operators import add_operator
from simsim.accounts.permissions import OPERATOR
from simsim.accounts.texts import parse_line
from simsim.operations.arguments import prove_password
from simsim.operations.setup.questions import Question, answer

ACCOUNT = Question("--account", "Name of the first account: a customer of your API")
EMAIL = Question("--email", "Email address of its administrator")
PASSWORD = Question("--password-stdin", "Password for the console, at least 12 characters", is_secret=True)


@dataclass(frozen=True)
class Wanted:
    """The account and the administrator that should exist; `password` is None for a user who has one already.

    With `is_operator`, the administrator also becomes an operator of the installation.
    """

    account: str
    email: str
    password: str | None = field(repr=False)
    is_operator: bool = False


def ask(account: str | None, email: str | None, *, password_stdin: bool, is_operator: bool) -> Wanted | None:
    """Return the wanted account and administrator, or None if no option names any and there is an administrator.

    Raises WrongUsage for a missing option, Invalid for one that can't be used.
    """
    if account is None and email is None and not is_operator and has_administrator():
        return None
    name = answer(ACCOUNT, account, prove=partial(parse_line, "account"))
    address = answer(EMAIL, email, prove=actions.parse_email)
    if is_known(address):
        return Wanted(name, address, None, is_operator)
    typed = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    return Wanted(name, address, answer(PASSWORD, typed, prove=partial(prove_password, address)), is_operator)


@transaction.atomic
def create(wanted: Wanted, *, now: datetime) -> tuple[Membership, list[str]]:
    """Return the administrator's membership and one sentence for each change; what exists is not changed."""
    done = []
    account = find_account(wanted.account)
    if account is None:
        account = actions.create_account(actor=OPERATOR, name=wanted.account, now=now)
        done.append(f"Created the account “{account.name}”")
    member = Membership.objects.filter(account=account, user__email=wanted.email).select_related("user").first()
    if member is None:
        member = actions.add_user(
            actor=OPERATOR,
            account=account,
            email=wanted.email,
            role=Role.ADMINISTRATOR,
            password=wanted.password,
            now=now,
        )
        done.append(f"Created the administrator {wanted.email}")
    elif member.role != Role.ADMINISTRATOR:
        member = actions.change_role(
            actor=OPERATOR, account=account, user=member.user, role=Role.ADMINISTRATOR, now=now
        )
        done.append(f"Made {wanted.email} an administrator")
    if wanted.is_operator and add_operator(actor=OPERATOR, email=wanted.email, now=now)[1]:
        done.append(f"Made {wanted.email} an operator")
    return member, done


def find_account(name: str) -> Account | None:
    """Return the account with this name in any equivalent spelling, or None."""
    return same_named(Account.objects.filter(Q(name_key__in=[name_key(name), ""]) | Q(name=name)), name)


def has_administrator() -> bool:
    return exists(Membership.objects.filter(role=Role.ADMINISTRATOR, account__closed_at=None))


def is_known(email: str) -> bool:
    return exists(User.objects.filter(email=email))


def exists(rows: QuerySet[Any]) -> bool:
    """Whether there are such rows; there are none before the first migration."""
    try:
        return rows.exists()
    except DatabaseError:
        return False
