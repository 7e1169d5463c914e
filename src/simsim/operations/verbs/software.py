"""`simsim software`: the catalogue of software that tokens can be for."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.change_warnings import warn_of_name
from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.remote import accounts as remote
from simsim.operations.remote.twins import remotely
from simsim.rfc3339 import format_time

software = typer.Typer(no_args_is_help=True, help="Target software: the software that tokens are for.")
COLUMNS = ["slug", "name", "retired_at"]


@software.command("add")
@remotely(remote.add_software)
@needs_django
def add(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="A short name: lower-case letters, digits and hyphens.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that people see.")],
    as_json: AsJson = False,
) -> None:
    """Add software to the catalogue."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.tokens.software import add_software

    added = add_software(actor=OPERATOR, slug=slug, name=name, now=timezone.now())
    print_one({"slug": added.slug, "name": added.name}, as_json=as_json)
    warn_of_name(added)


@software.command("retire")
@remotely(remote.retire_software)
@needs_django
def retire(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The short name in the catalogue.")],
    as_json: AsJson = False,
) -> None:
    """Stop offering software for new tokens. Tokens that have it keep it."""
    from django.utils import timezone

    from simsim.accounts.permissions import OPERATOR
    from simsim.tokens.software import retire_software

    retired = retire_software(actor=OPERATOR, slug=slug, now=timezone.now())
    document = {"slug": retired.slug, "name": retired.name, "retired_at": format_time(retired.retired_at)}
    print_one(document, as_json=as_json)


@software.command("list")
@remotely(remote.list_software, columns=COLUMNS)
@needs_django
def list_software(as_json: AsJson = False) -> None:
    """List the catalogue by name; retired entries stay on the tokens that have them."""
    from django.db.models.functions import Lower

    from simsim.tokens.models import TargetSoftware

    items = [
        {"slug": entry.slug, "name": entry.name, "retired_at": format_time(entry.retired_at)}
        for entry in TargetSoftware.objects.order_by(Lower("name"))
    ]
    print_list(items, COLUMNS, as_json=as_json)
