"""`simsim mail`: what is owed to whom, whether it was taken, and another try. What a mail carries is never shown."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from typing import Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one

mail = typer.Typer(no_args_is_help=True, help="Emails: waiting, delivered and given up.")
COLUMNS = ["id", "kind", "recipient", "state", "owed_at", "attempts", "last_error", "next_attempt_at"]


class StateName(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@mail.command("list")
@needs_django
def list_mails(
    state: Annotated[StateName | None, typer.Option(help="Only mails in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where the page before ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the mails of every account, newest first."""
    from simsim.mail import delivery_status

    wanted = delivery_status.DeliveryState(state.value) if state else None
    found, following = delivery_status.list_mails(state=wanted, limit=limit, cursor=cursor)
    print_list([delivery_status.document(row) for row in found], COLUMNS, as_json=as_json, cursor=following)


@mail.command("retry")
@needs_django
def retry(
    mail_id: Annotated[int, typer.Argument(metavar="ID", help="The mail's id, as simsim mail list shows it.")],
    as_json: AsJson = False,
) -> None:
    """Try a mail again from now on, for three days: also one that was given up."""
    from django.utils import timezone

    from simsim.mail import delivery_status, outbox

    tried = outbox.retry(mail_id, now=timezone.now())
    print_one(delivery_status.document(tried), as_json=as_json, note="The worker tries it within seconds.")
