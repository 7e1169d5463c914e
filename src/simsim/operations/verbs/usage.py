"""`simsim usage` and `simsim stored-data`: how much an account uses, and how much the installation stores."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_one
from simsim.operations.remote import installation
from simsim.operations.remote import reports as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.verbs.log import AccountId


class ByName(StrEnum):
    DAY = "day"
    TOKEN = "token"  # noqa: S105 - a name
    SOFTWARE = "software"
    ENDPOINT = "endpoint"
    STATUS = "status"


@remotely(remote.show_usage)
@needs_django
def usage(
    account: AccountId,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="The first day (UTC); usually 30 days.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="The last day; usually today.")] = None,
    by: Annotated[ByName, typer.Option(help="How to split the requests.")] = ByName.DAY,
    as_json: AsJson = False,
) -> None:
    """Show how many requests of an account were let in and refused."""
    from django.utils import timezone

    from simsim.account_log.usage_document import usage_document
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account

    found = usage_document(
        find_account(account, actor=OPERATOR), actor=OPERATOR, since=since, until=until, by=by.value,
        now=timezone.now(),
    )  # fmt: skip
    remote.print_usage(found, as_json=as_json)


@remotely(installation.show_stored_data)
@needs_django
def stored_data(as_json: AsJson = False) -> None:
    """Show what the installation stores: sizes, retention, key ids and the last backup."""
    from simsim.health.stored_data import document

    print_one(document(), as_json=as_json)
