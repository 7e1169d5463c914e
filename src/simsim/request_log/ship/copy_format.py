"""Rows in the format of PostgreSQL's binary COPY: it needs no parsing, and repeated values are encoded once.

See https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice, repeat
from typing import TypeVar
from uuid import UUID

from simsim.request_log.row_ids import microseconds_of
from simsim.request_log.ship.join import RequestRow

Value = TypeVar("Value")

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no header extension
END = struct.pack("!h", -1)
NULL = struct.pack("!i", -1)
FIELDS = len(RequestRow._fields) + 2
# Large enough to keep the server busy while the next rows are encoded.
ROWS_AT_ONCE = 2000
_YEAR_2000 = microseconds_of(datetime(2000, 1, 1, tzinfo=UTC))

_head = struct.Struct("!hiqiq").pack
_long = struct.Struct("!iq").pack


def encoded(
    ids: Sequence[int], moments: Sequence[int], rows: Sequence[RequestRow], endpoint_ids: Iterable[int | None]
) -> Iterator[bytes]:
    """Yield the rows in pieces. Each row has the id, the fields of RequestRow in their order, and the endpoint's id.

    `moments` are the rows' times in microseconds since 1970.
    """
    (
        _, accounts, tokens, names, methods, resources, statuses, outcomes, reasons, causes, seconds, sizes, addresses,
        vias,
    ) = zip(*rows, strict=True)  # fmt: skip
    since_2000 = (moment - _YEAR_2000 for moment in moments)
    fields = zip(
        map(_head, repeat(FIELDS), repeat(8), ids, repeat(8), since_2000),
        _each(accounts, _uuid), _each(tokens, _uuid), _each(names, _text), _each(methods, _text),
        _each(resources, _text), _each(statuses, _smallint), _each(outcomes, _text), _each(reasons, _text),
        _each(causes, _text), _each(seconds, _float), map(_bigint, sizes), _each(addresses, _text), _each(vias, _text),
        _each(tuple(endpoint_ids), _bigint),
        strict=True,
    )  # fmt: skip
    yield SIGNATURE
    while piece := b"".join(chain.from_iterable(islice(fields, ROWS_AT_ONCE))):
        yield piece
    yield END


def _each(values: Sequence[Value], encode: Callable[[Value], bytes]) -> Iterator[bytes]:
    """Yield the encoded values; each different value is encoded once."""
    known = {value: encode(value) for value in set(values)}
    return map(known.__getitem__, values)


def _text(value: str | None) -> bytes:
    if value is None:
        return NULL
    data = value.encode()
    return len(data).to_bytes(4, "big") + data


def _uuid(value: UUID | None) -> bytes:
    return NULL if value is None else struct.pack("!i16s", 16, value.bytes)


def _smallint(value: int | None) -> bytes:
    return NULL if value is None else struct.pack("!ih", 2, value)


def _float(value: float | None) -> bytes:
    return NULL if value is None else struct.pack("!id", 8, value)


def _bigint(value: int | None) -> bytes:
    return NULL if value is None else _long(8, value)
