"""`simsim leak`: reports of leaked passwords."""
# ruff: noqa: PLC0415 - help answers without Django

import sys

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list

leaks = typer.Typer(no_args_is_help=True, help="Leaked passwords.")
COLUMNS = ["id", "name", "kind", "response"]


@leaks.command("report")
@needs_django
def report(*, as_json: AsJson = False) -> None:
    """Read text from standard input, stop every complete password in it, and print what was stopped."""
    from django.utils import timezone

    from simsim.leak_reports.actions import ReportedPassword, report_leaks
    from simsim.operations.leak_scan.files import standard_input
    from simsim.operations.leak_scan.passwords import find

    found = [
        ReportedPassword(leak.password, source="operator") for leak in find(standard_input(sys.stdin.buffer).chunks)
    ]
    answered = report_leaks(found, now=timezone.now())
    items = [
        {
            "id": each.subject_id,
            "name": each.name,
            "kind": "management_token" if each.is_management_token else "token",
            "response": each.response.value,
        }
        for each in answered
    ]
    print_list(items, COLUMNS, as_json=as_json)
