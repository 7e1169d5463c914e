"""The JSON of links that hand a token over, and of the emails about tokens."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from simsim.api.documents import AT, ID, Example, Id, Moment
from simsim.api.log_documents import page_of

LINK: Example = {
    "id": ID, "state": "waiting", "created_at": AT, "created_by": "alice@acme.example", "expires_at": AT,
    "recipient": None, "asks_for_code": True, "used_at": None, "used_from": None, "taken_back_at": None,
    "taken_back_by": None,
}  # fmt: skip
EMAIL: Example = {
    "id": "4711", "kind": "token_created", "recipient": "alice@acme.example", "token_id": ID, "state": "delivered",
    "at": AT, "answer": None, "is_withdrawn": False,
}  # fmt: skip


class HandOverLink(BaseModel):
    """A link that hands a token over, without the link itself: it can't be read again."""

    model_config = ConfigDict(json_schema_extra={"examples": [LINK]})
    id: Id
    state: Literal["waiting", "used", "taken_back", "blocked", "ended"]
    created_at: Moment
    created_by: str
    expires_at: Moment
    recipient: str | None
    asks_for_code: bool
    used_at: Moment | None
    used_from: str | None
    taken_back_at: Moment | None
    taken_back_by: str | None


class HandOverList(BaseModel):
    """The latest links that hand a token over, newest first."""

    model_config = page_of(LINK)
    items: list[HandOverLink]
    next_cursor: str | None


class SentEmail(BaseModel):
    """An email about a token. `at` is when it was delivered, given up or queued; `answer` is the mail server's."""

    id: str
    kind: str
    recipient: str
    token_id: Id
    state: Literal["waiting", "delivered", "given_up"]
    at: Moment
    answer: str | None
    is_withdrawn: bool


class SentEmailPage(BaseModel):
    """A page of the emails about an account's tokens, newest first."""

    model_config = page_of(EMAIL)
    items: list[SentEmail]
    next_cursor: str | None
