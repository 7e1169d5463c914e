"""Long answers: a file of the log, or its new rows, sent while they are being read."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.db import connections

from simsim.request_log.search.export import Format

TYPES = {Format.CSV: "text/csv; charset=utf-8; header=present", Format.JSONL: "application/jsonl; charset=utf-8"}
# Without this mark, Excel reads the file in the legacy encoding of the computer's language.
BYTE_ORDER_MARK = "\N{BYTE ORDER MARK}".encode()


def marked(parts: Iterator[bytes], chosen: Format) -> Iterator[bytes]:
    """Yield the parts, the first of a CSV file with a byte order mark."""
    before = BYTE_ORDER_MARK if chosen is Format.CSV else b""
    for part in parts:
        # Otherwise, a slow client would keep one of the few database connections.
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
        yield before + part
        before = b""


async def from_the_loop(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the parts, each made in the request's own thread, so that other requests are served meanwhile.

    Django would consume an iterator of the other kind completely before it sends the first byte.
    """
    make = sync_to_async(lambda: next(parts, None))
    while (part := await make()) is not None:
        yield part
