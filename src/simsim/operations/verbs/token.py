"""`simsim token`: creates, shows, edits and revokes tokens on behalf of an administrator."""
# ruff: noqa: PLC0415 - help answers without Django

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simsim.operations.change_warnings import warn_of_token
from simsim.operations.context import needs_django
from simsim.operations.limit_options import limits_of, rates_of
from simsim.operations.output import AsJson, Document, print_list, print_one
from simsim.operations.remote import tokens as remote
from simsim.operations.remote.twins import remotely
from simsim.problem import WrongUsage, gettext_noop

if TYPE_CHECKING:
    from simsim.tokens.models import Token

tokens = typer.Typer(no_args_is_help=True, help="Tokens: create, show, edit, rotate, pause and revoke them.")

TokenId = Annotated[str, typer.Argument(metavar="ID", help="The token's id.")]
ACCOUNT = typer.Option("--account", metavar="ID", help="The account's id.")
ACTING_AS = typer.Option("--as", metavar="EMAIL", help="The administrator to act as.")
EXPIRES = typer.Option(
    "--expires", metavar="DATE|DAYS", help="When it expires: 2027-01-31 (through that day, UTC) or 90d."
)
ALLOW = typer.Option("--allow", metavar="CIDR", help="An address or network that may use the token; repeatable.")
LIMIT = typer.Option(
    "--limit", metavar="RULE", help="What the token may do, such as 'GET /api/v2/**'; repeatable. * is one segment."
)
Limit = Annotated[list[str] | None, LIMIT]
Rate = Annotated[
    list[str] | None,
    typer.Option(metavar="RATE", help="A rate such as '10/s burst 20', or a quota such as 10000/day; repeatable."),
]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Allow only GET, HEAD and OPTIONS, on every path.")]
ReportOnly = Annotated[
    bool, typer.Option("--report-only", help="Refuse nothing for --allow and --limit; only mark it in the log.")
]
NewNetworks = Annotated[
    list[str] | None, typer.Option(metavar="CIDR", help="Networks that replace the current ones; repeatable.")
]
NewLimits = Annotated[
    list[str] | None, typer.Option(metavar="RULE", help="Rules that replace the current ones; repeatable.")
]
NewRates = Annotated[
    list[str] | None, typer.Option(metavar="RATE", help="A rate and quotas that replace the current ones; repeatable.")
]
Enforcement = Annotated[
    bool | None,
    typer.Option("--report-only/--enforce", help="Mark what --allow and --limit would refuse, or refuse it."),
]
AccountId = Annotated[str, ACCOUNT]
As = Annotated[str, ACTING_AS]
Software = Annotated[str | None, typer.Option(metavar="SLUG", help="The software that will use it.")]
NoNotice = Annotated[bool, typer.Option("--no-notice", help="Send no email about it; the audit trail records that.")]
Lines = Annotated[
    str | None,
    typer.Argument(metavar="-", help="Read one token as a JSON object from each line of standard input."),
]
COLUMNS = ["id", "name", "status", "expires_at", "software", "last_used_at"]


class StatusName(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    EXPIRED = "expired"
    REVOKED = "revoked"


@tokens.command("create")
@remotely(remote.create_token)
def create(
    *,
    lines: Lines = None,
    account: Annotated[str | None, ACCOUNT] = None,
    acting_as: Annotated[str | None, ACTING_AS] = None,
    name: Annotated[str | None, typer.Option(help="Unique among the account's active tokens.")] = None,
    expires: Annotated[str | None, EXPIRES] = None,
    description: Annotated[str | None, typer.Option(help="Where the token is used.")] = None,
    software: Software = None,
    allow: Annotated[list[str] | None, ALLOW] = None,
    report_only: ReportOnly = False,
    limit: Limit = None,
    read_only: ReadOnly = False,
    rate: Rate = None,
    no_notice: NoNotice = False,
    as_json: AsJson = False,
) -> None:
    """Create a token, or with - one for each line of JSON on standard input, and print username and password.

    One token needs --account, --as, --name and --expires. `simsim token create -` is `simsim token import -`, whose
    help describes the lines. To read a file, use `simsim token import FILE`.
    """
    own: dict[str, object] = {"--name": name, "--expires": expires, "--description": description}
    own |= {"--software": software, "--allow": allow}
    own |= {"--report-only": report_only, "--limit": limit, "--read-only": read_only, "--rate": rate}
    if lines is not None:
        from simsim.operations.verbs.token_files import import_tokens

        prove_lines_alone(lines, own)
        import_tokens(file=lines, account=account, acting_as=acting_as, no_notice=no_notice, as_json=as_json)
        return
    texts = {"--account": account, "--as": acting_as, "--name": name, "--expires": expires}
    account, acting_as, name, expires = required(texts)
    fields: dict[str, Any] = {"description": description or "", "software": software, "report_only": report_only}
    fields |= {"allowed_networks": allow or [], "limits": limits_of(limit, is_read_only=read_only) or []}
    fields["rates"] = rate or []
    create_one(account, acting_as, name, expires, fields=fields, no_notice=no_notice, as_json=as_json)


def required(options: Mapping[str, str | None]) -> list[str]:
    """Return the values of the options; raise WrongUsage for one that was not given."""
    for option, value in options.items():
        if value is None:
            raise WrongUsage(gettext_noop("Missing option '%(option)s'."), option=option)
    return [value or "" for value in options.values()]


def prove_lines_alone(lines: str, options: Mapping[str, object]) -> None:
    """Raise WrongUsage for an argument other than `-`, and for an option that belongs in the lines."""
    if lines != "-":
        raise WrongUsage(gettext_noop("Give - to read lines of JSON, not “%(argument)s”."), argument=lines)
    for option, value in options.items():
        if value not in (None, False, []):
            raise WrongUsage(
                gettext_noop("Give %(option)s in each line of JSON: it can't be combined with -."), option=option
            )


@needs_django
def create_one(
    account: str,
    acting_as: str,
    name: str,
    expires: str,
    *,
    fields: Mapping[str, Any],
    no_notice: bool,
    as_json: bool,
) -> None:
    """Create one token, and print it with its credentials."""
    from django.utils import timezone

    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens import actions

    actor = find_actor(acting_as)
    token, credentials = actions.create_token(
        actor=actor,
        account=find_account(account, actor=actor),
        name=name,
        expires=expires,
        is_quiet=no_notice,
        now=timezone.now(),
        **fields,
    )
    shown = {"username": credentials.username, "password": credentials.password}
    print_token(token, as_json=as_json, more=shown)
    warn_of_token(token, actor=actor)


@tokens.command("list")
@remotely(remote.list_tokens, columns=COLUMNS)
@needs_django
def list_tokens(
    account: AccountId,
    status: Annotated[StatusName | None, typer.Option(help="Only tokens with this status.")] = None,
    search: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="A part of the name, description or creator, or the end of the password."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List an account's tokens, the next to expire first."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.tokens.attention import having_text
    from simsim.tokens.models import Status
    from simsim.tokens.selectors import documents, tokens_of

    now = timezone.now()
    wanted = Status(status.value) if status else None
    found = tokens_of(find_account(account, actor=OPERATOR), actor=OPERATOR, status=wanted, now=now)
    found = having_text(found, search) if search else found
    print_list(documents(found, now=now), COLUMNS, as_json=as_json)


@tokens.command("show")
@remotely(remote.show_token)
@needs_django
def show(token_id: TokenId, as_json: AsJson = False) -> None:
    """Show a token, without its password."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_token_for

    print_token(find_token_for(token_id, actor=OPERATOR), as_json=as_json)


@tokens.command("credentials")
@remotely(remote.show_credentials)
@needs_django
def credentials(token_id: TokenId, acting_as: As, as_json: AsJson = False) -> None:
    """Show a token's username and password again; the audit trail records this."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens import actions

    actor = find_actor(acting_as)
    shown = actions.show_credentials(actor=actor, token=find_token_for(token_id, actor=actor), now=timezone.now())
    print_one({"username": shown.username, "password": shown.password}, as_json=as_json)


@tokens.command("edit")
@remotely(remote.edit_token)
@needs_django
def edit(
    *,
    token_id: TokenId,
    acting_as: As,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    description: Annotated[str | None, typer.Option(help="A new description.")] = None,
    software: Annotated[str | None, typer.Option(metavar="SLUG", help="Other software; '' removes it.")] = None,
    allow: NewNetworks = None,
    allow_any: Annotated[bool, typer.Option("--allow-any", help="Allow every address again.")] = False,
    report_only: Enforcement = None,
    limit: NewLimits = None,
    read_only: ReadOnly = False,
    any_request: Annotated[bool, typer.Option("--any-request", help="Allow every request again.")] = False,
    rate: NewRates = None,
    any_rate: Annotated[bool, typer.Option("--any-rate", help="Allow any number of requests again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change an active token; options that are not given change nothing."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens import actions

    if allow and allow_any:
        raise typer.BadParameter("give either --allow or --allow-any")
    limits, rates = limits_of(limit, is_read_only=read_only, is_any=any_request), rates_of(rate, is_any=any_rate)
    actor = find_actor(acting_as)
    token = actions.edit_token(
        actor=actor, token=find_token_for(token_id, actor=actor), name=name, description=description,
        software=software, allowed_networks=[] if allow_any else allow or None, report_only=report_only,
        limits=limits, rates=rates, now=timezone.now(),
    )  # fmt: skip
    print_token(token, as_json=as_json)
    warn_of_token(token, actor=actor)


@tokens.command("revoke")
@remotely(remote.revoke_token)
@needs_django
def revoke(
    token_id: TokenId,
    acting_as: As,
    reason: Annotated[
        str, typer.Option(help="no_longer_needed, replaced, leaked, not_recognised or other.", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Revoke a token permanently: once this returns, no request with it is accepted."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_token_for
    from simsim.tokens import actions

    actor = find_actor(acting_as)
    token = actions.revoke_token(
        actor=actor, token=find_token_for(token_id, actor=actor), reason=reason, now=timezone.now()
    )
    print_token(token, as_json=as_json)


def print_token(token: "Token", *, as_json: bool, more: Document | None = None) -> None:
    """Print a token with the fields that every list of tokens has, and the fields `more`."""
    from django.utils import timezone

    from simsim.tokens.selectors import documents

    document = documents([token], now=timezone.now())[0]
    print_one({**document, **(more or {})}, as_json=as_json)
