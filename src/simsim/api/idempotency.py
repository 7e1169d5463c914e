"""Operations with an Idempotency-Key: the first request is carried out, the others get its answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.db import transaction
from django.http import HttpResponse

from simsim.api.responses import JSON, Answer, response_of
from simsim.management_tokens import answered_requests
from simsim.management_tokens.answered_requests import StoredAnswer

if TYPE_CHECKING:
    from simsim.api.calls import Call

REPLAYED = "Idempotency-Replayed"
STORED_HEADERS = ("Location", "ETag")


def answered_once(call: "Call", act: Callable[[], Answer], *, status: int) -> HttpResponse:
    """Return the answer of the first request with the call's key; raise the Problems of `answered_requests.claim`.

    A request that is refused changes nothing and frees its key.
    """
    request = call.request
    asks_for = answered_requests.fingerprint(
        (request.method or "").encode(), request.get_full_path().encode(), request.body
    )
    claimed = answered_requests.claim(
        client=call.caller.client, key=call.idempotency_key or "", asks_for=asks_for, now=call.now
    )
    if isinstance(claimed, StoredAnswer):
        headers = {**claimed.headers, REPLAYED: "true"}
        return HttpResponse(claimed.body.encode(), status=claimed.status, content_type=JSON, headers=headers)
    try:
        with transaction.atomic():
            response = response_of(act(), status=status)
            kept = {name: response.headers[name] for name in STORED_HEADERS if name in response.headers}
            answered_requests.complete(claimed, StoredAnswer(status, kept, response.content.decode()))
    except Exception:
        answered_requests.release(claimed)
        raise
    return response
