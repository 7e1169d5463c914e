"""One signed POST, as the Standard Webhooks specification defines it, over an open connection.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import contextlib
import http.client
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from simsim.delivery.connection import ReceiverConnection, ReceiverUnavailable, describe_error

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of a secret
MIN_SECRET, MAX_SECRET = 24, 64  # bytes
MAX_ANSWER_BYTES = 64 * 1024


def parse_secret(text: str) -> bytes | None:
    """Return the bytes of a secret such as whsec_MfKQ…, or None if it is not one."""
    try:
        secret = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return secret if text.startswith(SECRET_PREFIX) and MIN_SECRET <= len(secret) <= MAX_SECRET else None


def headers(host: str, secrets: Sequence[bytes], message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of one request, signed with every secret, so that the receiver can switch to a new one."""
    # The library takes a time without a zone for UTC.
    moment, text = now.astimezone(UTC), body.decode()
    return {
        "Host": host,
        "Connection": "close",
        "Content-Type": "application/json",
        "User-Agent": "Simsim",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, text) for secret in secrets),
    }


def post(connection: ReceiverConnection, path: str, body: bytes, head: dict[str, str]) -> int:
    """Return the status of the answer. Redirects are not followed: they would send the body somewhere else."""
    session = http.client.HTTPConnection("receiver")
    session.sock = connection.socket
    is_sent = True
    try:
        try:
            session.request("POST", path, body, head)
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


def status_text(status: int) -> str:
    """Return the status with our own phrase: the receiver's phrase may contain anything."""
    return f"{status} {http.client.responses.get(status, '')}".strip()
