"""Failures at the command line: one line or one problem document, and an exit status."""

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from typer.exceptions import TyperException

from simsim.credential import password
from simsim.problem import FieldError, Invalid, Problem, ServiceUnavailable, WrongUsage, gettext_noop

if TYPE_CHECKING:
    from typer.core import TyperGroup

WRONG_USAGE = 2
# Keyed by HTTP status, so that a new problem needs no entry; docs/operators/command-line.md lists the exit statuses.
EXIT_STATUSES = {400: WRONG_USAGE, 422: WRONG_USAGE, 404: 3, 409: 4, 401: 5, 403: 5, 503: 6}
FAILED = 1
# The command line's names for fields that have another name in the rules.
OPTION_NAMES = {
    "expires_at": "expires", "allowed_networks": "allow", "limits": "limit", "rates": "rate",
    "password": "password_stdin",
}  # fmt: skip
NUMBERED = re.compile(r"^(?P<field>\w+)\.(?P<index>[0-9]+)$", re.ASCII)


def as_problem(error: Exception) -> Problem | None:
    """Return the problem that an exception stands for; None for an unexpected exception."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, TyperException) and hasattr(error, "format_message"):
        return WrongUsage(str(error.format_message()).strip())
    text = str(error)
    if "no such table" in text or "no such column" in text or re.search(r'"\S+" does not exist', text):
        return Problem(gettext_noop("The database is not up to date: run simsim migrate"))
    if is_database_away(error):
        return ServiceUnavailable(gettext_noop("The database is not available: %(why)s"), why=" ".join(text.split()))
    return None


def is_database_away(error: Exception) -> bool:
    """Whether the error means that the database does not answer or is locked, so that another try may succeed."""
    # Look Django's module up instead of importing it: if it isn't loaded, the error can't be one of Django's.
    database = sys.modules.get("django.db.utils")
    return database is not None and isinstance(error, (database.OperationalError, database.InterfaceError))


def exit_status(error: Exception) -> int:
    """Return 2 (wrong usage), 3 (not found), 4 (conflict), 5 (not permitted), 6 (unavailable) or 1 (anything else)."""
    problem = as_problem(error)
    return EXIT_STATUSES.get(problem.status, FAILED) if problem else FAILED


def one_line(error: Exception, arguments: Sequence[str] = (), group: "TyperGroup | None" = None) -> str:
    """Return the error in one line for people. Everything that looks like a password is masked."""
    problem = as_problem(error)
    if isinstance(problem, Invalid):
        faults = (f"{named(fault, arguments, group)}: {fault}" for fault in problem.errors)
        text = " ".join([*faults, problem.advice])
    elif problem is not None:
        text = str(problem)
    else:
        text = f"{type(error).__name__}: {error} (SIMSIM_DEBUG=1 shows the traceback)"
    return password.mask(" ".join(text.split()))


def document(error: Exception, arguments: Sequence[str], group: "TyperGroup") -> dict[str, object]:
    """Return the RFC 9457 document; each of its `errors` names the field and the `option` to change."""
    problem = as_problem(error)
    if problem is None:
        return Problem(one_line(error)).document()
    body = problem.document() | {"detail": one_line(problem, arguments, group)}
    if isinstance(problem, Invalid):
        body["errors"] = [
            {
                "field": fault.field,
                "option": named(fault, arguments, group, with_value=False),
                "detail": password.mask(str(fault)),
            }
            for fault in problem.errors
        ]
    return body


def named(fault: FieldError, arguments: Sequence[str], group: "TyperGroup | None", *, with_value: bool = True) -> str:
    """Return the option or argument that an error is about, as it is typed, or else the field's own name.

    For an option that is given several times, the value is included: `--allow 10.0.0.1/8`.
    """
    numbered = NUMBERED.match(fault.field)
    field = numbered["field"] if numbered else fault.field
    typed = typed_name(OPTION_NAMES.get(field, field), arguments, group)
    if typed is None:
        return fault.field
    values = values_of(typed, arguments)
    if with_value and numbered and int(numbered["index"]) < len(values):
        return f"{typed} {values[int(numbered['index'])]}"
    return typed


def typed_name(name: str, arguments: Sequence[str], group: "TyperGroup | None") -> str | None:
    """Return how a verb's parameter is typed, `--name` or `NAME`, or None if the verb has no parameter of this name."""
    found = group
    for argument in arguments:
        commands = getattr(found, "commands", None)
        if commands is None:
            break
        found = commands.get(argument, found)
    for parameter in found.params if found is not None else ():
        if parameter.name == name:
            is_option = parameter.param_type_name == "option"
            return str(parameter.opts[0]) if is_option else str(parameter.metavar or name.upper())
    return None


def values_of(option: str, arguments: Sequence[str]) -> list[str]:
    """Return every value that the option was given."""
    values = []
    for index, argument in enumerate(arguments):
        if argument == option and index + 1 < len(arguments):
            values.append(arguments[index + 1])
        elif argument.startswith(f"{option}="):
            values.append(argument.removeprefix(f"{option}="))
    return values
