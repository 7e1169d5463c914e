"""Events as signed POST requests, as the Standard Webhooks specification defines them."""

import base64
import contextlib
import hashlib
import hmac
import http.client
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from simsim.forwarding.connection import (
    ReceiverConnection,
    ReceiverRefused,
    ReceiverUnavailable,
    connected,
    describe_error,
)
from simsim.forwarding.events import ForwardedEvent
from simsim.forwarding.receiver import Target

# By default, nginx accepts a body of up to 1 MiB.
MAX_BYTES = 512 * 1024
MAX_ANSWER_BYTES = 64 * 1024
TEMPORARY = {408, 425, 429}


def send(target: Target, delivery: str, events: Sequence[ForwardedEvent], now: datetime) -> None:
    """POST the events in order. Raises ReceiverUnavailable or ReceiverRefused.

    `delivery` identifies what is sent and stays the same when it is sent again.
    """
    for body, ids in _bodies(events):
        message_id = "msg_" + hashlib.sha256("\n".join((delivery, *ids)).encode()).hexdigest()[:32]
        with connected(target) as connection:
            status = _post(target, connection, body, headers(target, message_id, body, now))
        if not 200 <= status < 300:
            is_refusal = 300 <= status < 500 and status not in TEMPORARY
            raise (ReceiverRefused if is_refusal else ReceiverUnavailable)(f"it answered {_status_text(status)}")


def headers(target: Target, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of one request, signed with every secret, so that the receiver can switch to a new one."""
    timestamp = str(int(now.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in target.secrets)
    return {
        "Host": target.netloc,
        "Connection": "close",
        "Content-Type": "application/json",
        "User-Agent": "Simsim",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join("v1," + base64.b64encode(each).decode() for each in signatures),
    }


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


def _post(target: Target, connection: ReceiverConnection, body: bytes, head: dict[str, str]) -> int:
    """Return the status of the answer. Redirects are not followed: they would send the events somewhere else."""
    session = http.client.HTTPConnection(target.host)
    session.sock = connection.socket
    is_sent = True
    try:
        try:
            session.request("POST", target.path, body, head)
        except (BrokenPipeError, ConnectionResetError):
            is_sent = False  # a receiver may refuse the request and close the connection before it has read everything
        answer = session.getresponse()
    except http.client.HTTPException as error:
        connection.prove_whole()
        raise ReceiverUnavailable(describe_error(error)) from error
    # The status counts, even if reading the rest fails.
    with contextlib.suppress(OSError, http.client.HTTPException):
        answer.read(MAX_ANSWER_BYTES)
    if not is_sent and 200 <= answer.status < 300:
        raise ReceiverUnavailable("it answered before it had read the whole request")
    return answer.status


def _status_text(status: int) -> str:
    """Return the status with our own phrase: the receiver's phrase may contain anything."""
    return f"{status} {http.client.responses.get(status, '')}".strip()
