"""The JSON of webhooks and their deliveries that the management API takes and gives."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simsim.api.documents import ACCOUNT, AT, ID, Example, Given, Id, Moment
from simsim.api.log_documents import page_of

DeliveryStateName = Literal["waiting", "delivered", "given_up"]
WEBHOOK: Example = {
    "id": ID, "account_id": ACCOUNT, "name": "Ticket system", "url": "https://hooks.example/simsim",
    "events": ["token.created", "token.revoked"], "status": "active", "paused_at": None, "pause_reason": None,
    "previous_secret_works_until": None, "failing_since": None, "last_delivered_at": AT, "created_at": AT,
    "created_by": "alice@acme.example",
}  # fmt: skip
DELIVERY: Example = {
    "id": "4711", "webhook_id": ID, "message_id": "msg_2f1c3b0a2f574c558b110c8f5d1f7a10", "event": "token.created",
    "state": "delivered", "owed_at": AT, "attempts": 1, "next_attempt_at": None, "delivered_at": AT,
    "given_up_at": None, "last_error": None,
    "answers": [{"at": AT, "status": 204, "error": None, "duration_seconds": 0.08}],
    "payload": {"type": "token.created", "timestamp": AT, "data": {"id": ID}},
}  # fmt: skip


class NewWebhook(Given):
    """A webhook to add."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Ticket system", "url": WEBHOOK["url"], "events": WEBHOOK["events"]}]
        }
    )  # fmt: skip
    name: str = Field(description="The program that receives the events.")
    url: str = Field(description="Where it receives them: an https URL that the server can reach.")
    events: list[str] = Field(description="The events to send, such as token.created.")


class WebhookChanges(Given):
    """Changes of a webhook; a field that is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": ["token.created", "token.expiring"]}]})
    name: str = ""
    url: str = Field("", description="Events that are still waiting are sent there, too.")
    events: list[str] = Field([], description="The events that replace the present ones.")


class Webhook(BaseModel):
    """A webhook, without the secret that signs its events."""

    model_config = ConfigDict(json_schema_extra={"examples": [WEBHOOK]})
    id: Id
    account_id: Id
    name: str
    url: str
    events: list[str]
    status: Literal["active", "paused"]
    paused_at: Moment | None
    pause_reason: str | None
    previous_secret_works_until: Moment | None
    failing_since: Moment | None
    last_delivered_at: Moment | None
    created_at: Moment
    created_by: str


class WebhookWithSecret(Webhook):
    """A webhook with the secret that signs its events, which can't be read again."""

    model_config = ConfigDict(json_schema_extra={"examples": [WEBHOOK | {"secret": "whsec_…"}]})
    secret: str


class WebhookList(BaseModel):
    """The webhooks of an account, oldest first."""

    model_config = page_of(WEBHOOK)
    items: list[Webhook]
    next_cursor: str | None


class DeliveryAnswer(BaseModel):
    """A receiver's answer to one attempt: `status` is None if there was none."""

    at: str
    status: int | None
    error: str | None
    duration_seconds: float | None


class WebhookDelivery(BaseModel):
    """One event for one webhook: what is sent, and the receiver's latest answers, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [DELIVERY]})
    id: str
    webhook_id: Id
    message_id: str
    event: str
    state: DeliveryStateName
    owed_at: Moment
    attempts: int
    next_attempt_at: Moment | None
    delivered_at: Moment | None
    given_up_at: Moment | None
    last_error: str | None
    answers: list[DeliveryAnswer]
    payload: dict[str, Any]


class WebhookDeliveryPage(BaseModel):
    """A page of deliveries, newest first."""

    model_config = page_of(DELIVERY)
    items: list[WebhookDelivery]
    next_cursor: str | None
