"""`simsim webhook` through the management API."""

from typing import TYPE_CHECKING, Any

from simsim.operations.remote.tokens import account_of, document_of
from simsim.operations.remote.twins import Listed, One
from simsim.problem import NotFound, gettext_noop

if TYPE_CHECKING:
    from simsim.client import Simsim

SECRET_NOTE = "Store the secret now: it can't be shown again."  # noqa: S105 - a sentence
SOON = "The worker sends it within seconds."


def add_webhook(api: "Simsim", *, account: str | None, name: str, url: str, event: list[str]) -> One:
    return One(document_of(api.add_webhook(account_of(api, account), name=name, url=url, events=event)), SECRET_NOTE)


def list_webhooks(api: "Simsim", *, account: str | None) -> Listed:
    return Listed([document_of(each) for each in api.list_webhooks(account_of(api, account)).items])


def edit_webhook(
    api: "Simsim", *, webhook_id: str, name: str | None, url: str | None, event: list[str] | None
) -> One:  # fmt: skip
    given: dict[str, Any] = {"name": name, "url": url, "events": event or None}
    changes = {field: value for field, value in given.items() if value is not None}
    return One(document_of(api.edit_webhook(account_of(api), webhook_id, if_match="*", **changes)))


def remove_webhook(api: "Simsim", *, webhook_id: str) -> One:
    account = account_of(api)
    name = api.get_webhook(account, webhook_id).name
    api.remove_webhook(account, webhook_id)
    return One({"id": webhook_id, "name": name, "removed": True})


def rotate_webhook(api: "Simsim", *, webhook_id: str) -> One:
    return One(document_of(api.rotate_webhook_secret(account_of(api), webhook_id)), SECRET_NOTE)


def pause_webhook(api: "Simsim", *, webhook_id: str) -> One:
    return One(document_of(api.pause_webhook(account_of(api), webhook_id)))


def resume_webhook(api: "Simsim", *, webhook_id: str) -> One:
    return One(document_of(api.resume_webhook(account_of(api), webhook_id)))


def send_test_event(api: "Simsim", *, webhook_id: str) -> One:
    return One(document_of(api.send_test_event(account_of(api), webhook_id)), SOON)


def list_deliveries(api: "Simsim", *, webhook_id: str, state: Any, limit: int, cursor: str | None) -> Listed:
    chosen = state.value if state else None
    page = api.list_deliveries(account_of(api), webhook_id, state=chosen, limit=limit, cursor=cursor)
    return Listed([document_of(each) for each in page.items], page.next_cursor)


def resend_delivery(api: "Simsim", *, delivery_id: str) -> One:
    account = account_of(api)
    webhook_id = webhook_of(api, account, delivery_id)
    return One(document_of(api.resend_delivery(account, webhook_id, delivery_id)), SOON)


def webhook_of(api: "Simsim", account: str, delivery_id: str) -> str:
    """Return the id of the webhook that the delivery is for; raise NotFound."""
    from simsim.client import NotFound as NotThere  # noqa: PLC0415 - loaded with the HTTP library

    for webhook in api.list_webhooks(account).items:
        try:
            return api.get_delivery(account, webhook.id, delivery_id).webhook_id
        except NotThere:
            continue
    raise NotFound(
        gettext_noop("No delivery has the id “%(id)s”, or it belongs to another account."), id=delivery_id
    )  # fmt: skip
