"""`simsim incident` for many tokens at once: preview them, then stop or resume them, or change their networks."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_one, write_parts
from simsim.operations.remote import incidents as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.selection_options import Account, Filters, filtered

if TYPE_CHECKING:
    from simsim.tokens.selection_acts import Change

ActingAs = Annotated[str, typer.Option("--as", metavar="EMAIL", help="The administrator to act as.")]
Fingerprint = Annotated[str, typer.Option(metavar="TEXT", help="The preview’s fingerprint.")]
Allow = Annotated[list[str], typer.Option(metavar="CIDR", help="A network that may use the tokens; repeatable.")]
Adds = Annotated[bool, typer.Option("--add/--replace", help="Add to the tokens’ lists, or replace them.")]


class ActName(StrEnum):
    PAUSE = "pause"
    REVOKE = "revoke"


class ReportFormat(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"


@remotely(remote.preview_selection)
@filtered
@needs_django
def preview(*, account: Account, filters: Filters, as_json: AsJson = False) -> None:
    """Print the tokens of an account that meet every filter, and the fingerprint of this selection."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.tokens.token_selection import document, select_tokens

    now = timezone.now()
    found = find_account(account, actor=OPERATOR)
    print_one(document(select_tokens(found, actor=OPERATOR, chosen=filters.parsed(), now=now), now), as_json=as_json)


@remotely(remote.stop_selection)
@filtered
@needs_django
def stop(
    *,
    account: Account,
    acting_as: ActingAs,
    act: Annotated[ActName, typer.Option(help="Whether to pause the tokens without end, or to revoke them.")],
    fingerprint: Fingerprint,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why: a text, or the reason of a revocation.")] = "",
    filters: Filters,
    as_json: AsJson = False,
) -> None:
    """Pause or revoke the tokens of a preview with the same filters; if the selection has changed, stop nothing."""
    from simsim.tokens.selection_acts import Act, Change

    carry_out(Change(Act(act.value), reason), account, acting_as, fingerprint, filters, as_json=as_json)


@remotely(remote.resume_selection)
@filtered
@needs_django
def resume(
    *, account: Account, acting_as: ActingAs, fingerprint: Fingerprint, filters: Filters, as_json: AsJson = False
) -> None:
    """Resume the paused tokens of a preview with the same filters; if the selection has changed, resume nothing."""
    from simsim.tokens.selection_acts import Act, Change

    carry_out(Change(Act.RESUME), account, acting_as, fingerprint, filters, as_json=as_json)


@remotely(remote.preview_networks)
@filtered
@needs_django
def preview_networks(
    *, account: Account, allow: Allow, adds: Adds = False, filters: Filters, as_json: AsJson = False
) -> None:
    """Print how many requests of the last 30 days would have been refused if the tokens had had these networks."""
    from django.utils import timezone

    from simsim.account_log.selection_networks import document, preview_networks_of
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.tokens.selection_acts import Act, Change
    from simsim.tokens.token_selection import select_tokens

    now, found = timezone.now(), find_account(account, actor=OPERATOR)
    selection = select_tokens(found, actor=OPERATOR, chosen=filters.parsed(), now=now)
    change = Change(Act.NETWORKS, networks=allow, adds=adds)
    effect = preview_networks_of(found, actor=OPERATOR, selection=selection, change=change, now=now)
    print_one(document(effect), as_json=as_json)


@remotely(remote.change_networks)
@filtered
@needs_django
def change_networks(
    *,
    account: Account,
    acting_as: ActingAs,
    allow: Allow,
    adds: Adds = False,
    fingerprint: Fingerprint,
    filters: Filters,
    as_json: AsJson = False,
) -> None:
    """Give the tokens of a preview other allowed networks; if the selection has changed, change nothing."""
    from simsim.tokens.selection_acts import Act, Change

    change = Change(Act.NETWORKS, networks=allow, adds=adds)
    carry_out(change, account, acting_as, fingerprint, filters, as_json=as_json)


@remotely(remote.report)
@filtered
@needs_django
def report(
    *,
    account: Account,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Requests since this time or day (UTC).")] = None,
    form: Annotated[ReportFormat, typer.Option("--format", help="The format of the output.")] = ReportFormat.CSV,
    filters: Filters,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Write what was called with the tokens that meet every filter, also those that have ended, and from where."""
    from django.utils import timezone

    from simsim.account_log.call_report import exported_report
    from simsim.account_log.time_filters import parse_moment
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.request_log.search.export import Format

    write_parts(
        exported_report(
            find_account(account, actor=OPERATOR),
            actor=OPERATOR,
            chosen=filters.parsed(),
            since=parse_moment("since", since),
            form=Format.JSONL if as_json else Format(form.value),
            now=timezone.now(),
        )
    )


def carry_out(
    change: "Change", account: str, acting_as: str, fingerprint: str, filters: Filters, *, as_json: bool
) -> None:
    from django.utils import timezone

    from simsim.operations.arguments import find_account, find_actor
    from simsim.tokens.selection_change import change_selection

    actor = find_actor(acting_as)
    done = change_selection(
        actor=actor,
        account=find_account(account, actor=actor),
        change=change,
        chosen=filters.parsed(),
        fingerprint=fingerprint,
        now=timezone.now(),
    )
    print_one(done.document(), as_json=as_json)
