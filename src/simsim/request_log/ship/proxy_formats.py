"""The formats of other proxies' access logs, as data. Does not use Django."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from pathlib import Path
from typing import Any

from simsim.gate.address import parse_hop
from simsim.gate.decided_line import MAX_METHOD_CHARACTERS, MAX_PATH_CHARACTERS
from simsim.gate.request_id import parse_request_id
from simsim.problem import Unusable
from simsim.request_log.row_ids import EPOCH
from simsim.request_log.ship.lines import (
    MAX_BYTES,
    MAX_SECONDS,
    Completed,
    json_object,
    masked,
    moment,
    within,
)

KeyPath = tuple[str, ...]  # the keys that lead to a value
ALL = "all"
# A gate counts the refusals of a flood without a line for each, so the ends of refusals may lack their decisions.
STATUSES_OF_REFUSALS = frozenset({401, 429})
EXAMPLE = "caddy:/var/log/caddy/access.json"


class Ignored(Enum):
    """A valid line about a request that did not pass a gate."""

    IGNORED = auto()


@dataclass(frozen=True, slots=True)
class LogFormat:
    """The keys of the values in a proxy's lines.

    If several keys in `request_id` hold an id, the first one is used. `at` is a time in seconds since 1970, or in ISO
    8601 with an offset; it is when the request began if `is_at_start`, and when it ended otherwise. `duration` is in
    `units` per second. `begins` is a text that occurs only at the beginning of a line.
    """

    request_id: tuple[KeyPath, ...]
    at: KeyPath
    is_at_start: bool
    duration: KeyPath
    units: int
    status: KeyPath
    bytes: KeyPath
    method: KeyPath
    path: KeyPath
    address: KeyPath
    begins: str


LOG_FORMATS: Mapping[str, LogFormat] = {
    "caddy": LogFormat(
        request_id=(("request_id",),),
        at=("ts",), is_at_start=False,
        duration=("duration",), units=1,
        status=("status",), bytes=("size",),
        method=("request", "method"), path=("request", "uri"), address=("request", "client_ip"),
        begins='{"level":"',
    ),
    # Traefik does not give requests an id, so the gate does. Traefik copies the id of an accepted request into the
    # request, where it replaces the client's header. The id of a refused request is only in the answer; the request
    # still has the client's header.
    "traefik": LogFormat(
        request_id=(("downstream_X-Simsim-Request",), ("request_X-Simsim-Request",)),
        at=("StartUTC",), is_at_start=True,
        duration=("Duration",), units=1_000_000_000,
        status=("DownstreamStatus",), bytes=("DownstreamContentSize",),
        method=("RequestMethod",), path=("RequestPath",), address=("ClientHost",),
        begins='{"',
    ),
    # Envoy's keys depend on its configuration: these are Istio's.
    "envoy": LogFormat(
        request_id=(("request_id",),),
        at=("start_time",), is_at_start=True,
        duration=("duration",), units=1000,
        status=("response_code",), bytes=("bytes_sent",),
        method=("method",), path=("path",), address=("downstream_remote_address",),
        begins='{"',
    ),
    # The formats of nginx and HAProxy in our documentation.
    "nginx": LogFormat(
        request_id=(("id",),),
        at=("at",), is_at_start=False,
        duration=("seconds",), units=1,
        status=("status",), bytes=("bytes",),
        method=("method",), path=("path",), address=("address",),
        begins='{"id":"',
    ),
    "haproxy": LogFormat(
        request_id=(("id",),),
        at=("at",), is_at_start=True,
        duration=("milliseconds",), units=1000,
        status=("status",), bytes=("bytes",),
        method=("method",), path=("path",), address=("address",),
        begins='{"id":"',
    ),
}  # fmt: skip


@dataclass(frozen=True)
class AccessLog:
    """A log that a proxy writes.

    `is_all_ours` means that each request in it passed the gate, or was refused before the gate was asked.
    """

    path: Path
    log_format: LogFormat
    is_all_ours: bool = False

    def parse(self, line: str) -> Completed | Ignored | None:
        """Return the end of the request, IGNORED if it did not pass a gate, or None for an invalid line.

        A line without an id is always ignored: the request is already in the log, and would be stored twice.
        """
        try:
            found = json_object(line)
            request_id = next(filter(None, (_id_at(found, keys) for keys in self.log_format.request_id)), None)
            return Ignored.IGNORED if request_id is None else self._completed(request_id, found)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return None

    def _completed(self, request_id: str, found: dict[str, Any]) -> Completed:
        log_format = self.log_format
        seconds = within(_value(found, log_format.duration) or 0, MAX_SECONDS * log_format.units) / log_format.units
        at = _moment(_value(found, log_format.at))
        status = int(within(_value(found, log_format.status) or 0, 999))
        path = _value(found, log_format.path) or ""
        address = parse_hop(_value(found, log_format.address) or "")
        return Completed(
            request_id=request_id,
            at=at + timedelta(seconds=seconds) if log_format.is_at_start else at,
            seconds=seconds,
            status=status if status >= 100 else None,
            bytes=int(within(_value(found, log_format.bytes) or 0, MAX_BYTES)),
            method=masked(_value(found, log_format.method) or "", MAX_METHOD_CHARACTERS),
            resource=masked(path.partition("?")[0], MAX_PATH_CHARACTERS),
            address=address and address.text,
            needs_decision=not self.is_all_ours or status in STATUSES_OF_REFUSALS,
        )


def parse_access_log(text: str) -> AccessLog:
    """Return the log that `caddy:/path` names, or `caddy:all:/path` if all of it passes the gate; raise Unusable."""
    name, _, rest = text.partition(":")
    flag, colon, path = rest.partition(":")
    is_all = bool(colon) and flag == ALL
    file = Path(path if is_all else rest)
    if name not in LOG_FORMATS or not file.is_absolute():
        raise Unusable(
            "SIMSIM_ACCESS_LOGS: %(text)s is not one of %(kinds)s and an absolute path, such as %(example)s",
            text=text, kinds=", ".join(LOG_FORMATS), example=EXAMPLE,
        )  # fmt: skip
    return AccessLog(file, LOG_FORMATS[name], is_all)


def _value(found: Any, keys: KeyPath) -> Any:
    """Return the value under these keys, or None if one of them is missing."""
    for key in keys:
        found = found.get(key)
        if found is None:
            return None
    return found


def _id_at(found: dict[str, Any], keys: KeyPath) -> str | None:
    value = _value(found, keys)
    return parse_request_id(value) if isinstance(value, str) else None


def _moment(value: Any) -> datetime:
    if not isinstance(value, str) or "T" not in value:
        return moment(value)
    at = datetime.fromisoformat(value)
    # A time without an offset is ambiguous: astimezone would take it for this machine's.
    if at.tzinfo is None:
        raise ValueError(value)
    return moment((at - EPOCH) / timedelta(seconds=1))
