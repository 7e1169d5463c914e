"""`simsim status`: what runs where, since when, and how far it is behind."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_settings
from simsim.operations.output import AsJson
from simsim.operations.remote import installation as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.status_views import View, show_status

Watch = Annotated[bool, typer.Option("--watch", help="Show it again every two seconds, until Ctrl-C.")]


@remotely(remote.show_status)
@needs_settings
def status(watch: Watch = False, as_json: AsJson = False) -> None:
    """Show what runs on this node and on the others, since when, and how far it is behind."""
    show_status(read_here, watch=watch, as_json=as_json)


def read_here() -> View:
    from django.utils import timezone

    from simsim.health.sentences import sections
    from simsim.health.status import document, read_status

    found = read_status(timezone.now())
    return View(document(found), sections(found))
