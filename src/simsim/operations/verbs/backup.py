"""`simsim backup` and `simsim restore`: the databases in one file, and back."""
# ruff: noqa: PLC0415 - help answers without Django

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simsim.operations.context import needs_django, needs_settings
from simsim.operations.output import AsJson, print_json, print_one
from simsim.problem import WrongUsage
from simsim.rfc3339 import format_time

if TYPE_CHECKING:
    from simsim.operations.backup.restoration import Report

VERIFY = "verify"
Identity = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="The age identity or SSH private key that decrypts the keys in the backup."),
]


@needs_settings
def backup(
    *,
    file: Annotated[
        list[str], typer.Argument(metavar="[verify] FILE", help="The file to write, or to check after the word verify.")
    ],
    recipient: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Include the keys, encrypted to this age or SSH public key. May be repeated."),
    ] = None,
    identity: Identity = None,
    as_json: AsJson = False,
) -> None:
    """Copy both databases into one file while everything runs; with verify, check such a file."""
    if len(file) == 2 and file[0] == VERIFY and not recipient:
        check(Path(file[1]).absolute(), identity, as_json=as_json)
    elif len(file) == 1 and identity is None:
        write(Path(file[0]).absolute(), recipient or [], as_json=as_json)
    else:
        raise WrongUsage("Write simsim backup FILE [--recipient KEY], or simsim backup verify FILE [--identity PATH]")


@needs_django
def write(file: Path, recipients: list[str], *, as_json: bool) -> None:
    from django.db import DEFAULT_DB_ALIAS
    from django.utils import timezone

    from simsim.audit.events import Event
    from simsim.health.schema import is_behind
    from simsim.operations.backup.creation import create
    from simsim.operations.operator_events import record_operator_act

    now = timezone.now()
    made = create(file, recipients=recipients, now=now)
    if not is_behind(DEFAULT_DB_ALIAS):  # an earlier version's database can be backed up before it is migrated
        record_operator_act(Event.BACKUP_CREATED, {"has_keys": made["has_keys"]}, now=now)
    document = {"file": str(file), "at": time_of(made), **made["counts"], "has_keys": made["has_keys"]}
    notes = []
    if not made["has_keys"]:
        notes.append("The keys are not in this backup: keep them elsewhere, or give --recipient.")
    if made["unshipped_lines"]:
        notes.append(f"{made['unshipped_lines']} log lines wait in the spool of this node and are not in this backup.")
    if not made["is_noted"]:
        notes.append("simsim doctor will not know of this backup: the data directory can't be written.")
    print_one(document | {"unshipped_lines": made["unshipped_lines"]}, as_json=as_json, note="\n".join(notes))


def check(file: Path, identity: Path | None, *, as_json: bool) -> None:
    from simsim.operations.backup.verification import verify

    manifest, found = verify(file, identity=identity)
    document = {
        "file": str(file),
        "at": time_of(manifest),
        "version": manifest["version"],
        **found.counts,
        "has_keys": "keys.age" in manifest["files"],
        "opened_passwords": sum(found.passwords_by_key.values()),
    }
    print_one(
        document, as_json=as_json, note="The backup is intact, and the available keys decrypt every password in it."
    )


def time_of(manifest: dict[str, Any]) -> str | None:
    return format_time(datetime.fromisoformat(manifest["at"]))


@needs_settings
def restore(
    *,
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A file that simsim backup has written.")] = None,
    journal: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A node's revocation journal. May be repeated. This node's is read anyway."),
    ] = None,
    identity: Identity = None,
    keep_log: Annotated[bool, typer.Option("--keep-log", help="Keep the log that is here, if it is newer.")] = False,
    revoke_unknown: Annotated[
        bool,
        typer.Option("--revoke-unknown", help="Revoke every token if it can't be known which were revoked since."),
    ] = False,
    ignore_connections: Annotated[
        bool, typer.Option("--ignore-connections", help="PostgreSQL: restore although others are connected.")
    ] = False,
    apply_journal: Annotated[
        bool,
        typer.Option("--apply-journal", help="Without FILE: only apply the journals, after a recovery by other means."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put the databases of a backup in place, and revoke again what was revoked after it."""
    from django.utils import timezone

    from simsim.operations.backup import restoration

    choices = restoration.Choices(journal or [], identity, keep_log, revoke_unknown, ignore_connections)
    if apply_journal and file is None:
        report = restoration.apply_journals(choices, now=timezone.now())
    elif file is not None and not apply_journal:
        report = restoration.restore(Path(file).absolute(), choices, now=timezone.now())
    else:
        raise WrongUsage("Give either the FILE of a backup, or --apply-journal")
    print_json(as_document(report)) if as_json else print_report(report, is_restored=file is not None)


def as_document(report: "Report") -> dict[str, object]:
    return {
        "at": format_time(report.at),
        **report.counts,
        "applied": [each.document() for each in report.outcomes if each.is_done],
        "to_do": [each.document() for each in report.outcomes if not each.is_done],
        "unknown": report.unknown,
        "sources": report.sources,
        "kept": sorted(map(str, report.kept)),
        "keys": [str(path) for path in report.written_keys],
    }


def print_report(report: "Report", *, is_restored: bool) -> None:
    """Print each change that was applied, what is left to do, and what can't be known."""
    at = f"{report.at:%Y-%m-%d %H:%M:%S} UTC"
    lines = [f"Restored the backup of {at}." if is_restored else f"The database is of {at}."]
    lines += [f"Read {source}." for source in report.sources]
    lines += [f"{each.sentence}." for each in report.outcomes if each.is_done]
    lines += [f"TO DO  {each.sentence}" for each in report.outcomes if not each.is_done]
    lines += [f"UNKNOWN  {sentence}." for sentence in report.unknown]
    lines += [f"The old databases are in {path}: delete them when you no longer need them." for path in report.kept]
    lines += [f"Wrote the keys into {path}." for path in report.written_keys]
    if is_restored:
        lines.append("Everybody has to sign in again. Run simsim doctor after you have started Simsim.")
    sys.stdout.write("\n".join(lines) + "\n")
