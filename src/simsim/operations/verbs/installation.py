"""`simsim migrate` and `simsim doctor`: they prepare an installation, and examine it; `simsim upgrade` plans."""
# ruff: noqa: PLC0415 - help answers without Django

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_settings
from simsim.operations.output import AsJson, print_json, print_lines
from simsim.problem import Unusable

if TYPE_CHECKING:
    from simsim.health.doctor.findings import Finding

WATCH_SECONDS = 10.0
CLEAR = "\x1b[H\x1b[2J"
LABELS = {"ok": "ok", "wrong": "WRONG", "not_started": "not yet"}


@needs_settings
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if anything is out of date.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the databases, the directories and the console's files up to date. Doing it twice changes nothing."""
    from simsim.operations.migrate import migrate as bring_up_to_date
    from simsim.operations.migrate import prove_up_to_date

    if check:
        prove_up_to_date()
    done = [] if check else bring_up_to_date()
    if as_json:
        print_json({"done": done})
    else:
        typer.echo("\n".join(done) or "Everything is up to date.")


@needs_settings
def upgrade(
    check: Annotated[bool, typer.Option("--check", help="Say what an upgrade will do. Changes nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what an upgrade to this version will do to the databases, how long that takes, and the disk that it needs."""
    from simsim.operations import migrate, upgrade_plan

    if not check:
        raise Unusable("simsim upgrade only checks: run simsim upgrade --check, then simsim migrate")
    if migrate.outstanding() == [migrate.NO_DATABASE]:
        raise Unusable("There is no database yet: run simsim migrate")
    steps, free = upgrade_plan.pending(), upgrade_plan.free_bytes()
    if as_json:
        needed = max((step.disk_bytes for step in steps), default=0)
        documents = [step.document() for step in steps]
        print_json({"steps": documents, "free_disk_bytes": free, "needed_disk_bytes": needed})
        return
    for step in steps:
        typer.echo(step.sentence())
    last = f"Then reload the services. {free / 1_000_000:,.0f} MB of disk are free."
    typer.echo(f"simsim migrate runs these steps, one after another. {last}" if steps else "No migration is pending.")


@needs_settings
def doctor(
    watch: Annotated[bool, typer.Option("--watch", help="Check again every ten seconds, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check everything that an installation needs on this node, and the workers of all nodes, and say what to do."""
    from simsim.health.doctor import checks

    while watch:
        # Only a terminal can be cleared; in a file, each examination follows the one before.
        print_findings(checks.examine(), as_json=as_json, is_watched=True)
        time.sleep(WATCH_SECONDS)
    findings = checks.examine()
    print_findings(findings, as_json=as_json)
    if wrong := [finding.subject for finding in findings if not finding.is_good]:
        raise Unusable("Something is wrong with: %(what)s", what=", ".join(wrong))


def print_findings(findings: "Sequence[Finding]", *, as_json: bool, is_watched: bool = False) -> None:
    documents = [finding.document() for finding in findings]
    if as_json:
        found = {"items": documents, "next_cursor": None}
        print_lines([found]) if is_watched else print_json(found)
        return
    if is_watched:
        typer.echo(f"{CLEAR if sys.stdout.isatty() else ''}{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    for finding in findings:
        typer.echo(f"{LABELS[finding.state]:<7}  {finding.subject}: {finding.detail}")
