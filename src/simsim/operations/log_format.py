"""The form of every message on stderr: text, JSON or logfmt, each with the request's id and without passwords."""

import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from simsim.credential import password

# The id of the console's request that is being answered, "" outside of one.
request_id: ContextVar[str] = ContextVar("request_id", default="")
TEXT = "{asctime} {levelname} {name}: {message}{request}"
FIELDS = ["time", "level", "logger", "message", "request_id", "traceback"]


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    LOGFMT = "logfmt"


class MaskPasswords(logging.Filter):
    """The last line of defence: masks everything in the form of a password, in the message and in the traceback.

    It also notes the request's id, because a formatter may run after the request.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = password.mask(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = password.mask(logging.Formatter().formatException(record.exc_info))
        named = request_id.get()
        # Under these names: structlog empties the record's own field for the traceback.
        vars(record).update(request_id=named, request=f" (request {named})" if named else "", traceback=record.exc_text)
        return True


def formatter(log_format: LogFormat, *, text: str = TEXT, style: Any = "{") -> logging.Formatter:
    """Return the formatter of a form; `text` is the layout of the first."""
    if log_format is LogFormat.TEXT:
        return logging.Formatter(text, style=style)
    from structlog import processors, stdlib  # noqa: PLC0415 - a gate that writes text does without

    logfmt = processors.LogfmtRenderer(key_order=FIELDS, drop_missing=True)
    render = processors.JSONRenderer(ensure_ascii=False) if log_format is LogFormat.JSON else logfmt
    own: list[Any] = [_fields, render]
    return stdlib.ProcessorFormatter(processors=own)


def _fields(_logger: object, _name: str, event: Any) -> dict[str, Any]:
    """Return the fields of a message, in their order. The filter has masked the traceback."""
    record: logging.LogRecord = event["_record"]
    at = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    found = {"time": f"{at}Z", "level": record.levelname.lower(), "logger": record.name, "message": event["event"]}
    return found | {name: value for name in ("request_id", "traceback") if (value := vars(record).get(name))}


def speaker(name: str, log_format: LogFormat) -> Callable[[str], None]:
    """Return what writes a program's messages to stderr: as text `NAME: message`, else in the given form."""
    if log_format is LogFormat.TEXT:
        return lambda line: print(f"{name}: {line}", file=sys.stderr, flush=True)
    form = formatter(log_format)
    mask = MaskPasswords()

    def say(line: str) -> None:
        record = logging.LogRecord(name.replace(" ", "."), logging.ERROR, "", 0, line, None, None)
        mask.filter(record)
        print(form.format(record), file=sys.stderr, flush=True)

    return say
