"""How the installation is: the state of each part, and what an examination says to do."""

from dataclasses import dataclass

from django.db import DatabaseError, connections
from django.http import HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from simsim.console.operators.access import OperatorAccess, for_operators
from simsim.health import sentences
from simsim.health.doctor.findings import Finding
from simsim.health.doctor.last_examination import Examination, examination, last_examination
from simsim.health.doctor.log import log
from simsim.health.schema import differences
from simsim.health.sentences import Line
from simsim.health.status import read_status


@dataclass(frozen=True)
class Part:
    """A group of lines under a title; `keeps_case`: their names are of machines."""

    title: Promise
    lines: list[Line]
    keeps_case: bool = False


@require_safe
@for_operators
def status(access: OperatorAccess) -> HttpResponse:
    """Show what runs where, since when, and how far it is behind, as `simsim status` does."""
    found = read_status(access.now)
    parts = [
        Part(gettext_lazy("This node"), [*sentences.this_node(found), *log_entries()]),
        Part(gettext_lazy("Workers"), list(sentences.workers(found)), keeps_case=True),
        Part(gettext_lazy("Installation"), list(sentences.whole(found))),
    ]
    context = {
        "status": found,
        "parts": parts,
        "wrong": [line for part in parts for line in part.lines if not line.is_good],
        "upgrade": unfinished_upgrade(),
        "examination": last_examination(access.now),
    }
    return access.page("status", context)


@require_safe
@for_operators
def checks(access: OperatorAccess) -> HttpResponse:
    """Show what `simsim doctor` finds, the parts that are wrong first."""
    found = examination(access.now)
    return access.page("checks", {"examination": found, "findings": wrong_first(found)})


def wrong_first(found: Examination) -> list[Finding]:
    return sorted(found.findings, key=lambda finding: finding.is_good)


def log_entries() -> list[Line]:
    """Return a line for what `simsim doctor` finds about requests that are missing and lines that were set aside."""
    try:
        return [Line("log entries", finding.is_good, finding.detail) for finding in log()]
    except DatabaseError:
        return [Line("log entries", False, sentences.NO_DATABASE)]


def unfinished_upgrade() -> str:
    """Return what is left to do of an upgrade that has begun, in a sentence; "" if nothing is, or if nobody knows."""
    try:
        lacking, unknown = (sum(numbers) for numbers in zip(*map(differences, connections), strict=True))
    except DatabaseError:
        return ""
    if lacking:
        return _("The databases lack migrations: %(number)s. Run simsim migrate.") % {"number": lacking}
    return _("A newer version has migrated the databases: upgrade this node.") if unknown else ""
