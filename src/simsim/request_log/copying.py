"""Rows as PostgreSQL's binary COPY takes them: it parses nothing, and what repeats is encoded once.

The format: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, islice, repeat
from uuid import UUID

from simsim.request_log.joining import Row
from simsim.request_log.row_ids import microseconds_of

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
END = struct.pack("!h", -1)
NULL = struct.pack("!i", -1)
FIELDS = len(Row._fields) + 2
# Enough for the server to be busy while the next ones are made.
ROWS_AT_ONCE = 2000
REMEMBERED = 16_384
_YEAR_2000 = microseconds_of(datetime(2000, 1, 1, tzinfo=UTC))

_head = struct.Struct("!hiqiq").pack
_long = struct.Struct("!iq").pack
_double = struct.Struct("!id").pack
_short = struct.Struct("!ih").pack


def encoded(
    ids: Sequence[int], moments: Sequence[int], rows: Sequence[Row], endpoint_ids: Iterable[int | None]
) -> Iterator[bytes]:
    """Yield the rows, in pieces: id, the fields of Row in their order, endpoint's id.

    `moments` are when the rows' requests came, in microseconds since 1970.
    """
    (
        _, accounts, tokens, names, methods, resources, statuses, outcomes, reasons, causes, seconds, sizes, addresses,
        vias,
    ) = zip(*rows, strict=True)  # fmt: skip
    since_2000 = (moment - _YEAR_2000 for moment in moments)
    fields = zip(
        map(_head, repeat(FIELDS), repeat(8), ids, repeat(8), since_2000),
        map(_uuid, accounts), map(_uuid, tokens), map(_text, names), map(_text, methods), map(_text, resources),
        map(_smallint, statuses), map(_text, outcomes), map(_text, reasons), map(_text, causes),
        map(_float, seconds), map(_bigint, sizes), map(_text, addresses), map(_text, vias), map(_bigint, endpoint_ids),
        strict=True,
    )  # fmt: skip
    yield SIGNATURE
    while piece := b"".join(chain.from_iterable(islice(fields, ROWS_AT_ONCE))):
        yield piece
    yield END


@lru_cache(maxsize=REMEMBERED)
def _text(value: str | None) -> bytes:
    if value is None:
        return NULL
    data = value.encode()
    return len(data).to_bytes(4, "big") + data


@lru_cache(maxsize=REMEMBERED)
def _uuid(value: UUID | None) -> bytes:
    return NULL if value is None else struct.pack("!i16s", 16, value.bytes)


@lru_cache(maxsize=REMEMBERED)
def _smallint(value: int | None) -> bytes:
    return NULL if value is None else _short(2, value)


@lru_cache(maxsize=REMEMBERED)
def _float(value: float | None) -> bytes:
    return NULL if value is None else _double(8, value)


@lru_cache(maxsize=REMEMBERED)
def _bigint(value: int | None) -> bytes:
    return NULL if value is None else _long(8, value)
