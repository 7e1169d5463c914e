"""`simsim mail`: lists the emails to send and sent, and retries one. Never shows their contents."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.remote import installation as remote
from simsim.operations.remote.twins import remotely

mail = typer.Typer(no_args_is_help=True, help="Emails: waiting, delivered and given up.")
COLUMNS = ["id", "kind", "recipient", "state", "owed_at", "attempts", "last_error", "next_attempt_at"]


class StateName(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@mail.command("list")
@remotely(remote.list_mails, columns=COLUMNS)
@needs_django
def list_mails(
    state: Annotated[StateName | None, typer.Option(help="Only emails in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of emails.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the emails of all accounts, newest first."""
    from simsim.mail import delivery_status

    wanted = delivery_status.DeliveryState(state.value) if state else None
    found, following = delivery_status.list_mails(state=wanted, limit=limit, cursor=cursor)
    print_list([delivery_status.document(row) for row in found], COLUMNS, as_json=as_json, cursor=following)


@mail.command("retry")
@remotely(remote.retry_mail)
@needs_django
def retry(
    mail_id: Annotated[int, typer.Argument(metavar="ID", help="The email's id, as simsim mail list shows it.")],
    as_json: AsJson = False,
) -> None:
    """Send an email again, even one that was given up; if that fails, retry for three days."""
    from django.utils import timezone

    from simsim.accounts.operators import retry_mail
    from simsim.accounts.permissions import OPERATOR
    from simsim.mail import delivery_status

    tried = retry_mail(actor=OPERATOR, mail_id=mail_id, now=timezone.now())
    print_one(delivery_status.document(tried), as_json=as_json, note=remote.SOON)
