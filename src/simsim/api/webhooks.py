"""Webhooks: add, change, pause and remove them, read what was delivered, and send it again (B20)."""

from django.db import transaction
from pydantic import Field

from simsim.accounts.permissions import Permission
from simsim.api.calls import Call
from simsim.api.etags import etag_of, prove_unchanged
from simsim.api.list_pages import PageQuery, page_answer
from simsim.api.operation import operation
from simsim.api.responses import Answer
from simsim.api.scopes import READ, TOKENS
from simsim.api.webhook_documents import (
    DeliveryStateName,
    NewWebhook,
    Webhook,
    WebhookChanges,
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookList,
    WebhookWithSecret,
)
from simsim.audit.events import Event
from simsim.management_problem import PreconditionFailed, PreconditionRequired
from simsim.problem import AccountClosed, TooManyWebhooks, WebhookPaused
from simsim.webhooks import actions, models, selectors

TAG = "Webhooks"
PATH = "/accounts/{account_id}/webhooks"
WEBHOOK_PATH = PATH + "/{webhook_id}"
DELIVERIES_PATH = WEBHOOK_PATH + "/deliveries"
DELIVERY_PATH = DELIVERIES_PATH + "/{delivery_id}"
READS = "Reading webhooks changes nothing and shows no secret."
SHOWS_ETAG = {"ETag": "Send it back in If-Match when you change the webhook."}


class DeliveryQuery(PageQuery):
    """The filters of a list of deliveries."""

    state: DeliveryStateName | None = Field(None, description="Only deliveries in this state.")


@operation(
    "GET", PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_WEBHOOKS, audit=READS, answer=WebhookList
)  # fmt: skip
def list_webhooks(call: Call) -> Answer:
    """List the account's webhooks, oldest first."""
    found = selectors.endpoints_of(call.account, actor=call.actor)
    return Answer({"items": [selectors.endpoint_document(each) for each in found], "next_cursor": None})


@operation(
    "POST", PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_WEBHOOKS, audit=Event.WEBHOOK_ADDED,
    body=NewWebhook, answer=WebhookWithSecret, status=201, creates=True, is_secret=True, needs_recent=True,
    problems=(TooManyWebhooks, AccountClosed), headers={"Location": "The new webhook.", **SHOWS_ETAG},
)  # fmt: skip
def add_webhook(call: Call, body: NewWebhook) -> Answer:
    """Add a webhook, and return it with the secret that signs its events. The secret can't be read again."""
    endpoint, signing = actions.add_endpoint(
        actor=call.actor, account=call.account, name=body.name, url=body.url, events=body.events, now=call.now
    )
    answer = answer_of(endpoint, signing)
    return Answer(answer.document, {**answer.headers, "Location": f"{call.request.path}/{endpoint.pk}"})


@operation(
    "GET", WEBHOOK_PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_WEBHOOKS, audit=READS, answer=Webhook,
    headers=SHOWS_ETAG,
)  # fmt: skip
def get_webhook(call: Call, webhook_id: str) -> Answer:
    """Return a webhook."""
    return answer_of(webhook_in(call, webhook_id))


@operation(
    "PATCH", WEBHOOK_PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_WEBHOOKS, audit=Event.WEBHOOK_EDITED,
    body=WebhookChanges, answer=Webhook, needs_recent=True, headers=SHOWS_ETAG,
    problems=(PreconditionFailed, PreconditionRequired),
)  # fmt: skip
def edit_webhook(call: Call, webhook_id: str, body: WebhookChanges) -> Answer:
    """Change a webhook. Needs If-Match with the ETag that you read, or with * to overwrite any change."""
    with transaction.atomic():
        endpoint = actions.lock_endpoint(call.actor, webhook_in(call, webhook_id))
        prove_unchanged(call.request, selectors.endpoint_document(endpoint))
        given = body.model_dump(include=body.model_fields_set)
        return answer_of(actions.edit_endpoint(actor=call.actor, endpoint=endpoint, now=call.now, **given))


@operation(
    "DELETE", WEBHOOK_PATH, tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_WEBHOOKS, audit=Event.WEBHOOK_REMOVED,
    answer=None, status=204,
)  # fmt: skip
def remove_webhook(call: Call, webhook_id: str) -> Answer:
    """Remove a webhook with its deliveries, also those that wait."""
    actions.remove_endpoint(actor=call.actor, endpoint=webhook_in(call, webhook_id), now=call.now)
    return Answer(None)


@operation(
    "POST", WEBHOOK_PATH + "/rotate", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_WEBHOOKS,
    audit=Event.WEBHOOK_SECRET_ROTATED, answer=WebhookWithSecret, creates=True, is_secret=True, needs_recent=True,
    headers=SHOWS_ETAG,
)  # fmt: skip
def rotate_webhook_secret(call: Call, webhook_id: str) -> Answer:
    """Give a webhook a new secret. For 24 hours, the previous one signs its events, too."""
    endpoint, signing = actions.rotate_secret(
        actor=call.actor, endpoint=webhook_in(call, webhook_id), now=call.now
    )  # fmt: skip
    return answer_of(endpoint, signing)


@operation(
    "POST", WEBHOOK_PATH + "/pause", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_WEBHOOKS,
    audit=Event.WEBHOOK_PAUSED, answer=Webhook, headers=SHOWS_ETAG,
)  # fmt: skip
def pause_webhook(call: Call, webhook_id: str) -> Answer:
    """Pause a webhook: its events wait until it is resumed. Pausing it again changes nothing."""
    return answer_of(
        actions.pause_endpoint(actor=call.actor, endpoint=webhook_in(call, webhook_id), now=call.now)
    )  # fmt: skip


@operation(
    "POST", WEBHOOK_PATH + "/resume", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_WEBHOOKS,
    audit=Event.WEBHOOK_RESUMED, answer=Webhook, headers=SHOWS_ETAG,
)  # fmt: skip
def resume_webhook(call: Call, webhook_id: str) -> Answer:
    """Resume a webhook: events that were waiting are sent now."""
    return answer_of(
        actions.resume_endpoint(actor=call.actor, endpoint=webhook_in(call, webhook_id), now=call.now)
    )  # fmt: skip


@operation(
    "POST", WEBHOOK_PATH + "/test", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_WEBHOOKS,
    audit=Event.WEBHOOK_TESTED, answer=WebhookDelivery, problems=(WebhookPaused,),
)  # fmt: skip
def send_test_event(call: Call, webhook_id: str) -> Answer:
    """Queue a test event. Read the delivery again after some seconds to see the receiver's answer."""
    made = actions.send_test_event(actor=call.actor, endpoint=webhook_in(call, webhook_id), now=call.now)
    return Answer(selectors.delivery_document(made))


@operation(
    "GET", DELIVERIES_PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_WEBHOOKS, audit=READS,
    query=DeliveryQuery, answer=WebhookDeliveryPage,
)  # fmt: skip
def list_deliveries(call: Call, webhook_id: str, query: DeliveryQuery) -> Answer:
    """List what was sent to a webhook or waits, newest first, with the receiver's answers."""
    found, following = selectors.list_deliveries(
        webhook_in(call, webhook_id),
        actor=call.actor,
        state=selectors.DeliveryState(query.state) if query.state else None,
        limit=query.limit,
        cursor=query.cursor,
    )
    return page_answer(call.request, [selectors.delivery_document(each) for each in found], following)


@operation(
    "GET", DELIVERY_PATH, tag=TAG, scopes=READ, permission=Permission.VIEW_WEBHOOKS, audit=READS,
    answer=WebhookDelivery,
)  # fmt: skip
def get_delivery(call: Call, webhook_id: str, delivery_id: str) -> Answer:
    """Return one delivery."""
    return Answer(selectors.delivery_document(delivery_in(call, webhook_id, delivery_id)))


@operation(
    "POST", DELIVERY_PATH + "/resend", tag=TAG, scopes=TOKENS, permission=Permission.MANAGE_WEBHOOKS,
    audit=Event.WEBHOOK_RESENT, answer=WebhookDelivery, problems=(WebhookPaused,),
)  # fmt: skip
def resend_delivery(call: Call, webhook_id: str, delivery_id: str) -> Answer:
    """Send an event again with the same `webhook-id`, even one that was delivered or given up."""
    delivery = delivery_in(call, webhook_id, delivery_id)
    return Answer(selectors.delivery_document(actions.resend(actor=call.actor, delivery=delivery, now=call.now)))


def webhook_in(call: Call, webhook_id: str) -> models.WebhookEndpoint:
    """Return the account's webhook; raise NotFound."""
    return selectors.find_endpoint(webhook_id, actor=call.actor, account=call.account)


def delivery_in(call: Call, webhook_id: str, delivery_id: str) -> models.WebhookDelivery:
    """Return the webhook's delivery; raise NotFound."""
    return selectors.find_delivery(delivery_id, actor=call.actor, endpoint=webhook_in(call, webhook_id))


def answer_of(endpoint: models.WebhookEndpoint, signing: actions.SigningSecret | None = None) -> Answer:
    """Return the webhook with its entity tag, and with its secret if it is new."""
    document = selectors.endpoint_document(endpoint)
    more = {"secret": signing.secret} if signing is not None else {}
    return Answer(document | more, {"ETag": etag_of(document)})
