"""What a node on another host asks the gate: one request as JSON, in the body of a POST. Does no I/O.

A body takes any bytes that a caller may send in `Authorization`; a header would not.
"""

import json
from typing import Any, NamedTuple

from simsim.credential.allowlist import Address
from simsim.credential.basic import MAX_HEADER_BYTES
from simsim.gate.app import Request
from simsim.gate.decided_line import MAX_PATH_CHARACTERS
from simsim.gate.request_id import is_request_id

ASK = "/gate/node/verify"
ENDS = "/gate/node/ends"
# A proxy on another host names its credential in this header when it asks at the gate's own path.
CREDENTIAL_HEADER = b"x-simsim-gate-token"
# Of any request, written in the longest way.
MAX_QUESTION_BYTES = 128 * 1024
MAX_ENDS_BYTES = 1024 * 1024
# Longer values are cut to these lengths, which are still too long for whatever reads them.
MAX_AUTHORIZATION_BYTES = MAX_HEADER_BYTES + 1
MAX_SENT_PATH_CHARACTERS = 2 * MAX_PATH_CHARACTERS
MAX_SENT_METHOD_CHARACTERS = 256


class NodeQuestion(NamedTuple):
    """A request that reached a node, and whether it is a browser's preflight, which needs no credentials."""

    request: Request
    is_preflight: bool


def encode(request: Request, address: Address | None, *, is_preflight: bool = False) -> bytes:
    """Return a question about a request from this address, None if unknown. The query stays with the node."""
    sent = request.authorization
    # Two headers are refused whatever they hold, and only one value has a bound.
    authorization = [""] * 2 if len(sent) > 1 else [value[:MAX_AUTHORIZATION_BYTES].decode("latin-1") for value in sent]
    said = {
        "id": request.request_id,
        "method": request.method[:MAX_SENT_METHOD_CHARACTERS],
        "path": request.target.partition("?")[0][:MAX_SENT_PATH_CHARACTERS],
        "authorization": authorization,
        "address": None if address is None else address.text,
        "is_named": request.is_named,
        "is_preflight": is_preflight,
    }
    return json.dumps(said, separators=(",", ":")).encode("ascii")


def decode(body: bytes) -> NodeQuestion | None:
    """Return the question in a body, or None for any other body. Never raises."""
    try:
        said = json.loads(body)
        address = said["address"]
        request = Request(
            None,
            _text(said["method"]),
            _text(said["path"]),
            [_text(value).encode("latin-1") for value in said["authorization"]],
            [] if address is None else [_text(address)],
            _request_id(said["id"]),
            is_named=said["is_named"] is True,
        )
        return NodeQuestion(request, said["is_preflight"] is True)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _request_id(value: Any) -> str:
    text = _text(value)
    # The gate would replace any other id, and the node's line of how the request ended would find no decision.
    if not is_request_id(text):
        raise ValueError
    return text
