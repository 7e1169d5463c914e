"""Events as signed POST requests, as the Standard Webhooks specification defines them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from simsim.delivery import signed_post
from simsim.delivery.connection import ReceiverRefused, ReceiverUnavailable
from simsim.forwarding.events import ForwardedEvent
from simsim.forwarding.receiver import Target

# By default, nginx accepts a body of up to 1 MiB.
MAX_BYTES = 512 * 1024
TEMPORARY = {408, 425, 429}


def send(target: Target, delivery: str, events: Sequence[ForwardedEvent], now: datetime) -> None:
    """POST the events in order. Raises ReceiverUnavailable or ReceiverRefused.

    `delivery` identifies what is sent and stays the same when it is sent again.
    """
    for body, ids in _bodies(events):
        message_id = "msg_" + hashlib.sha256("\n".join((delivery, *ids)).encode()).hexdigest()[:32]
        head = signed_post.headers(target.netloc, target.secrets, message_id, body, now)
        with target.connected() as connection:
            status = signed_post.post(connection, target.path, body, head)
        if not 200 <= status < 300:
            is_refusal = 300 <= status < 500 and status not in TEMPORARY
            raise (ReceiverRefused if is_refusal else ReceiverUnavailable)(
                f"it answered {signed_post.status_text(status)}"
            )


def _bodies(events: Iterable[ForwardedEvent]) -> Iterator[tuple[bytes, list[str]]]:
    """Yield bodies of a limited size, each a JSON array, with the ids of their events."""
    parts: list[bytes] = []
    ids: list[str] = []
    length = 0
    for event in events:
        if parts and length + len(event.json) > MAX_BYTES:
            yield b"[" + b",\n".join(parts) + b"]", ids
            parts, ids, length = [], [], 0
        parts.append(event.json)
        ids.append(event.id)
        length += len(event.json) + 2
    if parts:
        yield b"[" + b",\n".join(parts) + b"]", ids
