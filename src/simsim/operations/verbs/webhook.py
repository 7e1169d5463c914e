"""`simsim webhook`: an account's webhooks and their deliveries, on behalf of an administrator."""
# ruff: noqa: PLC0415 - help answers without Django

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_list, print_one
from simsim.operations.remote import webhooks as remote
from simsim.operations.remote.twins import remotely

if TYPE_CHECKING:
    from simsim.webhooks.models import WebhookEndpoint

webhooks = typer.Typer(no_args_is_help=True, help="Webhooks: the programs that an account tells what happens.")
COLUMNS = ["id", "name", "url", "status", "last_delivered_at", "events"]
DELIVERY_COLUMNS = ["id", "event", "state", "owed_at", "attempts", "last_error", "next_attempt_at"]
As = Annotated[str, typer.Option("--as", metavar="EMAIL", help="The administrator to act as.")]
WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]


class StateName(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@webhooks.command("add")
@remotely(remote.add_webhook)
@needs_django
def add(
    *,
    account: Annotated[str, typer.Option(metavar="ID", help="The account's id.")],
    acting_as: As,
    name: Annotated[str, typer.Option(help="The program that receives the events.")],
    url: Annotated[
        str, typer.Option(metavar="URL", help="Where it receives them, such as https://hooks.example/simsim.")
    ],
    event: Annotated[
        list[str], typer.Option(metavar="EVENT", help="An event to send, such as token.created; repeatable.")
    ],
    as_json: AsJson = False,
) -> None:
    """Add a webhook, and print it with the secret that signs its events."""
    from django.utils import timezone

    from simsim.operations.arguments import find_account, find_actor
    from simsim.webhooks import actions, selectors

    actor = find_actor(acting_as)
    endpoint, signing = actions.add_endpoint(
        actor=actor,
        account=find_account(account, actor=actor),
        name=name,
        url=url,
        events=event,
        now=timezone.now(),
    )
    document = selectors.endpoint_document(endpoint) | {"secret": signing.secret}
    print_one(document, as_json=as_json, note=remote.SECRET_NOTE)


@webhooks.command("list")
@remotely(remote.list_webhooks, columns=COLUMNS)
@needs_django
def list_webhooks(
    account: Annotated[str, typer.Option(metavar="ID", help="The account's id.")], as_json: AsJson = False
) -> None:
    """List an account's webhooks."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_account
    from simsim.webhooks import selectors

    found = selectors.endpoints_of(find_account(account, actor=OPERATOR), actor=OPERATOR)
    print_list([selectors.endpoint_document(endpoint) for endpoint in found], COLUMNS, as_json=as_json)


@webhooks.command("edit")
@remotely(remote.edit_webhook)
@needs_django
def edit(
    *,
    webhook_id: WebhookId,
    acting_as: As,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="A new URL.")] = None,
    event: Annotated[
        list[str] | None, typer.Option(metavar="EVENT", help="Events that replace the present ones; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change a webhook; options that are not given change nothing."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_webhook_for
    from simsim.webhooks import actions

    actor = find_actor(acting_as)
    endpoint = find_webhook_for(webhook_id, actor=actor)
    changed = actions.edit_endpoint(
        actor=actor, endpoint=endpoint, name=name, url=url, events=event or None, now=timezone.now()
    )
    print_webhook(changed, as_json=as_json)


@webhooks.command("remove")
@remotely(remote.remove_webhook)
@needs_django
def remove(webhook_id: WebhookId, acting_as: As, as_json: AsJson = False) -> None:
    """Remove a webhook with its deliveries, also those that wait."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_webhook_for
    from simsim.webhooks import actions

    actor = find_actor(acting_as)
    endpoint = find_webhook_for(webhook_id, actor=actor)
    actions.remove_endpoint(actor=actor, endpoint=endpoint, now=timezone.now())
    print_one({"id": webhook_id, "name": endpoint.name, "removed": True}, as_json=as_json)


@webhooks.command("rotate")
@remotely(remote.rotate_webhook)
@needs_django
def rotate(webhook_id: WebhookId, acting_as: As, as_json: AsJson = False) -> None:
    """Give a webhook a new secret, and print it; for 24 hours, the previous one signs, too."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_webhook_for
    from simsim.webhooks import actions, selectors

    actor = find_actor(acting_as)
    endpoint, signing = actions.rotate_secret(
        actor=actor, endpoint=find_webhook_for(webhook_id, actor=actor), now=timezone.now()
    )
    document = selectors.endpoint_document(endpoint) | {"secret": signing.secret}
    print_one(document, as_json=as_json, note=remote.SECRET_NOTE)


@webhooks.command("pause")
@remotely(remote.pause_webhook)
@needs_django
def pause(webhook_id: WebhookId, acting_as: As, as_json: AsJson = False) -> None:
    """Pause a webhook: its events wait until it is resumed."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_webhook_for
    from simsim.webhooks import actions

    actor = find_actor(acting_as)
    endpoint = find_webhook_for(webhook_id, actor=actor)
    print_webhook(actions.pause_endpoint(actor=actor, endpoint=endpoint, now=timezone.now()), as_json=as_json)


@webhooks.command("resume")
@remotely(remote.resume_webhook)
@needs_django
def resume(webhook_id: WebhookId, acting_as: As, as_json: AsJson = False) -> None:
    """Resume a webhook: the events that waited are sent now."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_webhook_for
    from simsim.webhooks import actions

    actor = find_actor(acting_as)
    endpoint = find_webhook_for(webhook_id, actor=actor)
    print_webhook(actions.resume_endpoint(actor=actor, endpoint=endpoint, now=timezone.now()), as_json=as_json)


@webhooks.command("test")
@remotely(remote.send_test_event)
@needs_django
def send_test_event(webhook_id: WebhookId, acting_as: As, as_json: AsJson = False) -> None:
    """Send a test event to a webhook."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_webhook_for
    from simsim.webhooks import actions, selectors

    actor = find_actor(acting_as)
    delivery = actions.send_test_event(
        actor=actor, endpoint=find_webhook_for(webhook_id, actor=actor), now=timezone.now()
    )
    print_one(selectors.delivery_document(delivery), as_json=as_json, note=remote.SOON)


@webhooks.command("deliveries")
@remotely(remote.list_deliveries, columns=DELIVERY_COLUMNS)
@needs_django
def deliveries(
    webhook_id: WebhookId,
    state: Annotated[StateName | None, typer.Option(help="Only deliveries in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of deliveries.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Continue after the previous page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List a webhook's deliveries with the receiver's answers, newest first."""
    from simsim.accounts.permissions import OPERATOR
    from simsim.operations.arguments import find_webhook_for
    from simsim.webhooks import selectors

    endpoint = find_webhook_for(webhook_id, actor=OPERATOR)
    wanted = selectors.DeliveryState(state.value) if state else None
    found, following = selectors.list_deliveries(endpoint, actor=OPERATOR, state=wanted, limit=limit, cursor=cursor)
    documents = [selectors.delivery_document(delivery) for delivery in found]
    print_list(documents, DELIVERY_COLUMNS, as_json=as_json, cursor=following)


@webhooks.command("resend")
@remotely(remote.resend_delivery)
@needs_django
def resend(
    delivery_id: Annotated[str, typer.Argument(metavar="ID", help="The delivery's id.")],
    acting_as: As,
    as_json: AsJson = False,
) -> None:
    """Send an event again, with the same webhook-id, even one that was delivered or given up."""
    from django.utils import timezone

    from simsim.operations.arguments import find_actor, find_delivery_for
    from simsim.webhooks import actions, selectors

    actor = find_actor(acting_as)
    delivery = find_delivery_for(delivery_id, actor=actor)
    sent = actions.resend(actor=actor, delivery=delivery, now=timezone.now())
    print_one(selectors.delivery_document(sent), as_json=as_json, note=remote.SOON)


def print_webhook(endpoint: "WebhookEndpoint", *, as_json: bool) -> None:
    """Print a webhook with the fields that every list of webhooks has."""
    from simsim.webhooks.selectors import endpoint_document

    print_one(endpoint_document(endpoint), as_json=as_json)
