"""`simsim audit`: who did what, and the proof that the trail is whole."""
# ruff: noqa: PLC0415 - help answers without Django

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_json, print_lines, print_list, print_one
from simsim.operations.remote import reports as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.log import FileFormat
from simsim.problem import FieldError, Invalid, gettext_noop

if TYPE_CHECKING:
    from simsim.audit.selectors import AuditFilters
    from simsim.audit.verification import Report

audit = typer.Typer(no_args_is_help=True, help="The audit trail: who did what, when, and from where.")
COLUMNS = ["at", "event", "actor", "account_id", "subject_id", "details"]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Events since this time or day (UTC).")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Events before this time, or through this day.")]
ActorOption = Annotated[
    str | None, typer.Option(metavar="EMAIL", help="Only events by this user; operator means the command line.")
]
EventOption = Annotated[str | None, typer.Option(metavar="NAME", help="For example token.revoked, or token.* for all.")]


@audit.command("list")
@remotely(remote.list_events, columns=COLUMNS)
@needs_django
def list_events(
    *,
    account: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only this account; “installation” means events that belong to none."),
    ] = None,
    since: Since = None,
    until: Until = None,
    actor: ActorOption = None,
    event: EventOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of events.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the events of all accounts, newest first."""
    from simsim.audit import selectors

    filters = filters_of(account, since, until, actor, event)
    found, following = selectors.list_events(filters, limit=limit, cursor=cursor)
    print_list([selectors.document(row) for row in found], COLUMNS, as_json=as_json, cursor=following)


@audit.command("export")
@needs_django
def export_events(
    *,
    account: Annotated[str, typer.Option(metavar="ID", help="The account's id.")],
    form: Annotated[FileFormat, typer.Option("--format", help="The format of the output.")] = FileFormat.CSV,
    since: Since = None,
    until: Until = None,
    actor: ActorOption = None,
    event: EventOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Write an account's events to standard output, newest first. The export is an event itself."""
    from django.utils import timezone

    from simsim.account_log.trail import export_trail
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.request_log.search.export import Format

    chosen = Format.JSONL if as_json else Format(form.value)
    filters = filters_of(account, since, until, actor, event)
    found = find_account(account, actor=OPERATOR)
    try:
        for part in export_trail(found, actor=OPERATOR, filters=filters, form=chosen, now=timezone.now()):
            sys.stdout.buffer.write(part)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does. Without this, Python prints an error again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@audit.command("verify")
@needs_django
def verify_trail(
    *,
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this account; installation means the installation's own.")
    ] = None,
    anchor: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also compare with anchors, with an export, or with forwarded events."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify that no event was changed, added, removed or moved. Exits with 1, and says where, if one was."""
    from simsim.accounts.models import Account
    from simsim.audit import anchors, verification
    from simsim.audit.chain import INSTALLATION

    known = anchors.parse_anchors(read(anchor)) if anchor else []
    name = chain_of(account)
    expected = {INSTALLATION, *(str(pk) for pk in Account.objects.values_list("pk", flat=True))}
    report = verification.verify(expected, only=name, tell=tell_progress)
    verification.compare([each for each in known if name in {None, each.chain}], report)
    print_report(report, as_json=as_json)
    if report.number_of_findings:
        raise typer.Exit(1)


@audit.command("anchor")
@needs_django
def print_anchors(
    *,
    account: Annotated[str | None, typer.Option(metavar="ID", help="Only this account's anchor.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the newest number and MAC of each chain as lines of JSON. Keep them where Simsim can't change them."""
    from simsim.audit import anchors

    found = anchors.present_anchors(chain_of(account))
    if as_json:
        print_json({"items": found, "next_cursor": None})
    else:
        print_lines(found)


@audit.command("adopt")
@needs_django
def adopt_events(as_json: AsJson = False) -> None:
    """Take events into the chains that a node with an older version wrote during an upgrade.

    First look at them: simsim audit verify names them. Adopting them is an event itself.
    """
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.audit.adoption import adopt

    print_one({"adopted": adopt(actor=OPERATOR, now=timezone.now())}, as_json=as_json)


def filters_of(
    account: str | None, since: str | None, until: str | None, actor: str | None, event: str | None
) -> "AuditFilters":
    """Return the filters that the options describe; raise NotFound for an account, Invalid for a time."""
    from simsim.account_log.time_filters import parse_moment
    from simsim.accounts.permissions import OPERATOR
    from simsim.audit.chain import INSTALLATION
    from simsim.audit.selectors import AuditFilters
    from simsim.operations.arguments import find_account

    is_of_installation = account == INSTALLATION
    return AuditFilters(
        account_id=None if account is None or is_of_installation else find_account(account, actor=OPERATOR).pk,
        is_of_installation=is_of_installation,
        since=parse_moment("since", since),
        until=parse_moment("until", until, through=True),
        actor=actor,
        event=event,
    )


def chain_of(account: str | None) -> str | None:
    """Return the name of the account's chain, None for None; raise NotFound if there is no such account."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.audit.chain import INSTALLATION
    from simsim.operations.arguments import find_account

    if account in {None, INSTALLATION}:
        return account
    return str(find_account(account or "", actor=OPERATOR).pk)


def read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        message = gettext_noop("%(file)s can't be read: %(why)s")
        raise Invalid(FieldError("anchor", message, {"file": str(file), "why": str(error.strerror)})) from None


def tell_progress(events: int) -> None:
    """Show on a terminal how far the verification is."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{events:,} events verified")
        sys.stderr.flush()


def print_report(report: "Report", *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "is_whole": not report.number_of_findings,
                "chains": report.chains,
                "events": report.events,
                "adopted_events": report.adopted,
                "compared_anchors": report.compared_anchors,
                "number_of_findings": report.number_of_findings,
                "findings": [finding.document() for finding in report.findings],
            }
        )
        return
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    for finding in report.findings:
        whose = finding.chain if finding.chain == "installation" else f"account {finding.chain}"
        where = f", number {finding.number}" if finding.number is not None else ""
        event = f" (event {finding.event_id})" if finding.event_id is not None else ""
        sys.stdout.write(f"{whose}{where}{event}: {finding.sentence}\n")
    if hidden := report.number_of_findings - len(report.findings):
        sys.stdout.write(f"and {hidden:,} more\n")
    verified = f"{report.events:,} events in {report.chains:,} chains"
    if report.number_of_findings:
        sys.stdout.write(f"The audit trail was changed: {report.number_of_findings:,} findings in {verified}.\n")
        return
    earlier = f", of which {report.adopted:,} are from before the chains" if report.adopted else ""
    compared = f" It agrees with {report.compared_anchors:,} anchors." if report.compared_anchors else ""
    sys.stdout.write(f"The audit trail is whole: {verified}{earlier}.{compared}\n")
