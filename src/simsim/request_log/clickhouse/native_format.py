"""Rows in ClickHouse's format Native, column by column: the server needs no parsing.

See https://clickhouse.com/docs/interfaces/formats/Native
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

Value = TypeVar("Value")
NO_ACCOUNT = UUID(int=0)


class StoredRow(NamedTuple):
    """One version of a row, in the order of the table's columns. `received_at` is in microseconds since 1970.

    `version` is 0 for a request that has not ended, and 1 afterwards.
    """

    id: int
    received_at: int
    account_id: UUID | None
    token_id: UUID | None
    token_name: str | None
    method: str
    resource: str
    status: int | None
    outcome: str
    reason: str
    cause: str
    duration_seconds: float | None
    bytes: int | None
    address: str | None
    via: str | None
    endpoint_id: int | None
    batch: int
    version: int


Columns = Sequence[Sequence[Any]]


def encoded(columns: Columns) -> bytes:
    """Return the columns, which are in the order of StoredRow, as one block. There must be at least one row."""
    (
        ids, moments, accounts, tokens, names, methods, resources, statuses, outcomes, reasons, causes, seconds, sizes,
        addresses, vias, endpoints, batches, versions,
    ) = columns  # fmt: skip
    blocks = (
        ("Int64", _integers("q", ids)),
        ("DateTime64(6, 'UTC')", _integers("q", moments)),
        ("UUID", _each(_numbers(accounts), _uuid)),
        ("Nullable(UUID)", _nulls(tokens) + _each(_numbers(tokens), _uuid)),
        ("Nullable(String)", _nulls(names) + _each(names, _text)),
        ("String", _each(methods, _text)),
        ("String", _each(resources, _text)),
        ("Nullable(Int16)", _nulls(statuses) + _optional("h", statuses)),
        ("String", _each(outcomes, _text)),
        ("String", _each(reasons, _text)),
        ("String", _each(causes, _text)),
        ("Nullable(Float64)", _nulls(seconds) + _optional("d", seconds)),
        ("Nullable(Int64)", _nulls(sizes) + _optional("q", sizes)),
        ("Nullable(String)", _nulls(addresses) + _each(addresses, _text)),
        ("Nullable(String)", _nulls(vias) + _each(vias, _text)),
        ("Nullable(Int64)", _nulls(endpoints) + _optional("q", endpoints)),
        ("Int64", _integers("q", batches)),
        ("UInt8", _integers("B", versions)),
    )
    heads = (_text(name) + _text(kind) for name, (kind, _) in zip(StoredRow._fields, blocks, strict=True))
    data = b"".join(head + block for head, (_, block) in zip(heads, blocks, strict=True))
    return _number(len(blocks)) + _number(len(ids)) + data


@lru_cache(maxsize=4096)
def _number(value: int) -> bytes:
    """Return a number in LEB128, seven bits in each byte."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _text(value: str | None) -> bytes:
    data = (value or "").encode()
    return _number(len(data)) + data


def _numbers(values: Sequence[UUID | None]) -> list[int]:
    """Return the UUIDs as integers, which Python hashes many times faster."""
    return [0 if value is None else value.int for value in values]


def _uuid(number: int) -> bytes:
    return struct.pack("<QQ", number >> 64, number & 0xFFFF_FFFF_FFFF_FFFF)


def _integers(code: str, values: Iterable[Any]) -> bytes:
    return _little(array(code, values))


def _optional(code: str, values: Sequence[Any]) -> bytes:
    return _little(array(code, [value or 0 for value in values]))


def _little(numbers: "array[Any]") -> bytes:
    if struct.pack("=H", 1) != struct.pack("<H", 1):  # on a machine that puts the high byte first
        numbers.byteswap()
    return numbers.tobytes()


def _nulls(values: Sequence[Any]) -> bytes:
    return bytes([value is None for value in values])


def _each(values: Sequence[Value], encode: Callable[[Value], bytes]) -> bytes:
    """Return the encoded values; each different value is encoded once."""
    known = {value: encode(value) for value in set(values)}
    return b"".join([known[value] for value in values])
