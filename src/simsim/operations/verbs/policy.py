"""`simsim policy`: the rules for tokens, of an account and of the installation."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.policy_options import choices_of
from simsim.operations.remote import choices as remote
from simsim.operations.remote.twins import remotely
from simsim.problem import WrongUsage

policies = typer.Typer(no_args_is_help=True, help="Policies: the rules for tokens.")
COLUMNS = ["id", "name", "reasons"]
Account = Annotated[
    str | None, typer.Option(metavar="ID", help="The account's id; without it, the policy of the installation.")
]


class RetrievalName(StrEnum):
    ADMINISTRATORS = "administrators"
    CREATOR = "creator"
    OFF = "off"


class LeakName(StrEnum):
    REVOKE = "revoke"
    PAUSE = "pause"


As = Annotated[str | None, typer.Option("--as", metavar="EMAIL", help="The administrator to act as, for an account.")]
Days = Annotated[str | None, typer.Option(metavar="DAYS", help="The longest lifetime of a token in days, or none.")]
NeedsList = Annotated[
    bool | None,
    typer.Option("--require-allowlist/--no-require-allowlist", help="Whether every token needs an allowlist."),
]
Widest4 = Annotated[
    str | None, typer.Option("--widest-ipv4", metavar="PREFIX", help="The widest IPv4 network, such as 24, or none.")
]
Widest6 = Annotated[
    str | None, typer.Option("--widest-ipv6", metavar="PREFIX", help="The widest IPv6 network, such as 48, or none.")
]
Retrieves = Annotated[
    RetrievalName | None,
    typer.Option(help="Who may retrieve a password again; off destroys the stored passwords at once."),
]
Idle = Annotated[
    str | None,
    typer.Option("--pause-idle", metavar="DAYS", help="Days until an idle token is paused, or none."),
]
Approval = Annotated[
    str | None,
    typer.Option(
        "--approval-above", metavar="DAYS", help="Above how many days of life a second administrator approves, or none."
    ),
]
OpenApproval = Annotated[
    bool | None,
    typer.Option(
        "--approval-if-open/--no-approval-if-open",
        help="Whether a second administrator approves tokens that any address may use.",
    ),
]
AfterLeak = Annotated[LeakName | None, typer.Option(help="What happens to a token whose password has leaked.")]


@policies.command("show")
@remotely(remote.show_policy)
@needs_django
def show(account: Account = None, as_json: AsJson = False) -> None:
    """Print the policy that applies to an account: the stricter of its own choices and the installation's."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.tokens.policies import floor, token_policies

    if account is None:
        print_one(floor().document(), as_json=as_json)
        return
    found = token_policies(find_account(account, actor=OPERATOR), actor=OPERATOR)
    print_one(found.effective.document(), as_json=as_json)


@policies.command("outside")
@remotely(remote.list_outside, columns=COLUMNS)
@needs_django
def outside(
    account: Annotated[str, typer.Option(metavar="ID", help="The account's id.")], as_json: AsJson = False
) -> None:
    """List an account's tokens that do not meet the policy. They keep working."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.tokens.policies import policies_of
    from simsim.tokens.policy_rules import tokens_outside

    found = find_account(account, actor=OPERATOR)
    listed = tokens_outside(found, policies_of(found).effective, actor=OPERATOR, now=timezone.now())
    items: list[dict[str, object]] = [
        {"id": str(each.token.pk), "name": each.token.name, "reasons": [str(reason) for reason in each.reasons]}
        for each in listed
    ]
    print_list(items, COLUMNS, as_json=as_json)


@policies.command("set")
@remotely(remote.set_policy)
@needs_django
def set_policy(
    *,
    account: Account = None,
    acting_as: As = None,
    max_lifetime: Days = None,
    require_allowlist: NeedsList = None,
    widest_ipv4: Widest4 = None,
    widest_ipv6: Widest6 = None,
    retrieval: Retrieves = None,
    leaks: AfterLeak = None,
    pause_idle: Idle = None,
    approval_above: Approval = None,
    approval_if_open: OpenApproval = None,
    as_json: AsJson = False,
) -> None:
    """Change a policy; options that are not given change nothing. Existing tokens keep working."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens.policies import set_account_policy, set_floor

    choices = choices_of(
        max_lifetime=max_lifetime, require_allowlist=require_allowlist, widest_ipv4=widest_ipv4,
        widest_ipv6=widest_ipv6, retrieval=retrieval, leaks=leaks, pause_idle=pause_idle,
        approval_above=approval_above, approval_if_open=approval_if_open,
    )  # fmt: skip
    if (account is None) != (acting_as is None):
        raise WrongUsage("Give --account and --as together, or neither for the policy of the installation")
    if account is None or acting_as is None:
        print_one(set_floor(actor=OPERATOR, choices=choices, now=timezone.now()).document(), as_json=as_json)
        return
    actor = find_actor(acting_as)
    found = find_account(account, actor=actor)
    changed = set_account_policy(actor=actor, account=found, choices=choices, with_operator=True, now=timezone.now())
    print_one(changed.effective.document(), as_json=as_json)
