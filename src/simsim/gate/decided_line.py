"""The decided line: the record of one decision in the spool."""

from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

from simsim.credential.allowlist import Address
from simsim.credential.decision import Decision, Record
from simsim.credential.password import mask

MAX_PATH_CHARACTERS = 2048
MAX_METHOD_CHARACTERS = 32
# In the log, this stands for the path of a test from the console, with an empty method. Every caller's request has a
# method, so no caller can make a request look like a test.
CONSOLE_TEST = "Test from the console"
CONSOLE_TEST_METHOD = ""


class Frame(NamedTuple):
    """The parts of a line that depend only on the verdict: the text before the method, and the text after the path."""

    before: str
    after: str


def frame(
    decision: Decision, *, account: str | None, record: Record | None, address: Address | None, via: str | None = None
) -> Frame:
    """Return the frame of the lines of all requests with this verdict.

    `record` is the token's, None where the log may not name the token; `via` names the trusted proxies on the way.
    `account` and the record's ids must be hexadecimal.
    """
    token, name = ("null", "null") if record is None else (f'"{record.token_id}"', quoted(record.name))
    return Frame(
        f',"reason":"{decision.reason}","cause":"{decision.cause}",'
        f'"account":{_optional(account)},"token":{token},"name":{name},"method":',
        f',"address":{_optional(address and address.text)},"via":{_optional(via)}}}\n',
    )


def preflight_frame(address: Address | None) -> Frame:
    """Return the frame of the line of a browser's preflight, which a node lets through without credentials."""
    return Frame(
        ',"reason":"ok","cause":"preflight","account":null,"token":null,"name":null,"method":',
        f',"address":{_optional(address and address.text)},"via":null}}\n',
    )


def decided_line(request_id: str, now: float, framed: Frame, *, method: str, target: str) -> bytes:
    """Return one JSON object and a newline. `request_id` must be hexadecimal; `now` is in seconds since 1970.

    json's encoder quotes everything else, so that any value from a client becomes one JSON string in ASCII on one line.
    """
    if len(method) > MAX_METHOD_CHARACTERS:
        method = mask(method)[:MAX_METHOD_CHARACTERS]
    return (
        f'{{"id":"{request_id}","at":{now:.6f}{framed.before}'
        f'{quoted(method)},"path":{quoted(path_of(target))}{framed.after}'
    ).encode("ascii")


def path_of(target: str) -> str:
    """Return a request target's path, without its query, which may hold anything, and with passwords masked."""
    # Mask before the final cut, because the first part of a password would match no pattern. Cut once before masking as
    # well, because masking a long text is slow.
    return mask(target.partition("?")[0][: 2 * MAX_PATH_CHARACTERS])[:MAX_PATH_CHARACTERS]


def _optional(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'
