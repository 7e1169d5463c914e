"""`simsim management-token`: the credentials with which programs call the management API."""
# ruff: noqa: PLC0415 - help answers without Django

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.remote import management_tokens as remote
from simsim.operations.remote.twins import remotely
from simsim.problem import FieldError, Invalid, NotPermitted, gettext_noop

if TYPE_CHECKING:
    from simsim.accounts.models import Account, User
    from simsim.management_tokens.actions import ManagementCredentials
    from simsim.management_tokens.models import ManagementToken

    Made = tuple[ManagementToken, ManagementCredentials]

management_tokens = typer.Typer(no_args_is_help=True, help="Management tokens: credentials for the management API.")
COLUMNS = ["id", "name", "scopes", "status", "expires_at", "created_by", "last_used_at"]


class ScopeName(StrEnum):
    """The scopes of `management_tokens.models`, which help does not import."""

    READ = "read"
    TOKENS = "tokens"
    PEOPLE = "people"
    OPERATOR = "operator"
    GATE = "gate"


# Each stands alone, and its tokens belong to no account.
OPERATORS = frozenset({ScopeName.OPERATOR, ScopeName.GATE})

Name = Annotated[str, typer.Option(help="Where the management token is used.")]
Expires = Annotated[
    str, typer.Option(metavar="DATE|DAYS", help="When it expires: 2027-01-31 (through that day, UTC) or 90d.")
]
ActingAs = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="EMAIL", help="The administrator that programs act as; not for the operator and gates."
    ),
]
AccountOption = Annotated[
    str | None, typer.Option(metavar="ID", help="The account, if the administrator manages several.")
]
Scopes = Annotated[
    list[ScopeName] | None,
    typer.Option(help="What it may be used for; repeatable. The scope tokens if none is given."),
]
Allow = Annotated[
    list[str] | None, typer.Option(metavar="CIDR", help="An address or network that may use it; repeatable.")
]


@management_tokens.command("create")
@needs_django
def create(
    *,
    acting_as: ActingAs = None,
    name: Name,
    expires: Expires,
    account: AccountOption = None,
    scope: Scopes = None,
    allow: Allow = None,
    as_json: AsJson = False,
) -> None:
    """Create a management token, and print username and password, which can't be shown again.

    It stops working when the administrator is no longer one. With --scope operator, it creates accounts and people;
    with --scope gate, an API on another host asks the gate with its password.
    """
    from django.utils import timezone

    from simsim.management_tokens.selectors import document

    draft = Draft(name, expires, scope or [ScopeName.TOKENS], allow or [], timezone.now())
    make = draft.for_operator if OPERATORS & {*draft.scopes} else draft.for_account
    token, credentials = make(acting_as, account)
    shown = {"username": credentials.username, "password": credentials.password}
    print_one(document(token, now=draft.now) | shown, as_json=as_json)


@dataclass(frozen=True)
class Draft:
    """A management token to create, as its options describe it."""

    name: str
    expires: str
    scopes: list[ScopeName]
    allow: list[str]
    now: datetime

    def for_operator(self, acting_as: str | None, account: str | None) -> "Made":
        """Create one of the operator's; raise Invalid if another scope or an account was given."""
        from simsim.accounts.permissions import OPERATOR
        from simsim.management_tokens.actions import create_operator_token
        from simsim.management_tokens.models import Scope
        from simsim.operations.arguments import find_actor

        scope = proven_alone(self.scopes, account)
        named = find_actor(acting_as) if acting_as is not None else None
        return create_operator_token(
            actor=OPERATOR,
            named=named,
            name=self.name,
            expires=self.expires,
            scope=Scope(scope),
            allowed_networks=self.allow,
            now=self.now,
        )

    def for_account(self, acting_as: str | None, account: str | None) -> "Made":
        """Create one that acts as an administrator; raise Invalid if none was named."""
        from simsim.management_tokens.actions import create_management_token
        from simsim.operations.arguments import find_actor

        if acting_as is None:
            raise Invalid(FieldError("as", gettext_noop("Name an administrator with --as, or give --scope operator.")))
        actor = find_actor(acting_as)
        return create_management_token(
            actor=actor,
            account=account_of(actor.user, account),
            name=self.name,
            expires=self.expires,
            scopes=[each.value for each in self.scopes],
            allowed_networks=self.allow,
            now=self.now,
        )


def proven_alone(scopes: list[ScopeName], account: str | None) -> ScopeName:
    """Return the one scope of OPERATORS; raise Invalid if it is combined with another scope or with an account."""
    first, *others = dict.fromkeys(scopes)
    if others or account is not None:
        message = gettext_noop("The scopes operator and gate can't be combined with another scope or with --account.")
        raise Invalid(FieldError("scope", message))
    return first


def account_of(user: "User | None", account_id: str | None) -> "Account":
    """Return the account with the id, or the only one that the user administers; raise a Problem otherwise."""
    from simsim.accounts.models import Role
    from simsim.accounts.people import memberships_of
    from simsim.accounts.permissions import actor_of
    from simsim.operations.arguments import find_account

    if user is None:
        raise NotPermitted
    if account_id is not None:
        return find_account(account_id, actor=actor_of(user))
    managed = [each.account for each in memberships_of(user) if each.role == Role.ADMINISTRATOR]
    if not managed:
        raise NotPermitted
    if len(managed) > 1:
        message = gettext_noop("%(email)s is an administrator of several accounts. Choose one with --account ID.")
        raise Invalid(FieldError("account", message, {"email": user.email}))
    return managed[0]


@management_tokens.command("list")
@remotely(remote.list_management_tokens, columns=COLUMNS)
@needs_django
def list_management_tokens(
    account: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this account.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the management tokens, newest first, without their passwords."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.management_tokens import selectors
    from simsim.operations.arguments import find_account

    if account is None:
        found = selectors.all_management_tokens(actor=OPERATOR)
    else:
        found = selectors.management_tokens_of(find_account(account, actor=OPERATOR), actor=OPERATOR)
    now = timezone.now()
    print_list([selectors.document(token, now=now) for token in found], COLUMNS, as_json=as_json)


@management_tokens.command("revoke")
@remotely(remote.revoke_management_token)
@needs_django
def revoke(
    management_token_id: Annotated[
        str, typer.Argument(metavar="ID", help="The management token's id, which is its username.")
    ],
    as_json: AsJson = False,
) -> None:
    """Revoke a management token permanently: once this returns, no request with it is answered."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.management_tokens import actions, selectors

    found, now = selectors.find_management_token(management_token_id, actor=OPERATOR), timezone.now()
    token = actions.revoke_management_token(actor=OPERATOR, token=found, now=now)
    print_one(selectors.document(token, now=now), as_json=as_json)
