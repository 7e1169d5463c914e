"""`simsim log`, `simsim usage` and `simsim audit list` through the management API."""

import codecs
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from simsim.operations.output import Document, print_lines, print_list, print_one, write_parts
from simsim.operations.remote.tokens import account_of, document_of
from simsim.operations.remote.twins import Listed, One, Written
from simsim.problem import WrongUsage, gettext_noop

if TYPE_CHECKING:
    from simsim.client import AsyncSimsim, Simsim

USAGE_COLUMNS = ["value", "name", "accepted", "refused"]
# The server looks at the log at once, and then every few seconds.
MIN_SECONDS = 1.0


def list_log(api: "Simsim", *, account: str | None, all_accounts: bool, outcome: Any, **filters: Any) -> Listed:
    if all_accounts:
        raise WrongUsage(gettext_noop("--all-accounts works on the server only."))
    chosen = outcome.value if outcome else None
    page = api.list_requests(account_of(api, account), outcome=chosen, **filters)
    return Listed([document_of(each) for each in page.items], page.next_cursor)


def list_events(api: "Simsim", *, account: str | None, **filters: Any) -> Listed:
    page = api.list_audit_events(account_of(api, account), **filters)
    return Listed([document_of(each) for each in page.items], page.next_cursor)


def show_request(api: "Simsim", *, request_id: str, account: str | None) -> One:
    return One(document_of(api.get_request(account_of(api, account), request_id)))


def count_requests(api: "Simsim", *, account: str | None, outcome: Any, **filters: Any) -> One:
    chosen = outcome.value if outcome else None
    return One(document_of(api.get_counted_requests(account_of(api, account), outcome=chosen, **filters)))


def export_log(api: "Simsim", *, account: str | None, form: Any, outcome: Any, **filters: Any) -> Written:
    where, chosen = account_of(api, account), outcome.value if outcome else None

    def write(as_json: bool) -> None:
        wanted: Any = "jsonl" if as_json else form.value
        with api.export_requests(where, format=wanted, outcome=chosen, **filters) as parts:
            write_parts(without_mark(parts))

    return Written(write)


def without_mark(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts without the byte order mark that the server sends for Excel."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    for part in parts:
        yield decoder.decode(part).encode()


def follow_log(
    api: "Simsim", *, account: str | None, after: int | None, seconds: float | None, outcome: Any, **filters: Any
) -> Written:  # fmt: skip
    import anyio  # noqa: PLC0415 - loaded with the HTTP library

    where, chosen = account_of(api, account), outcome.value if outcome else None
    begin = None if after is None else str(after)

    async def follow(client: "AsyncSimsim") -> None:
        # Only a loop can stop in the middle of waiting for the next request.
        with anyio.move_on_after(None if seconds is None else max(seconds, MIN_SECONDS)):
            async with client, client.follow_requests(
                where, last_event_id=begin, outcome=chosen, **filters
            ) as events:  # fmt: skip
                async for event in events:
                    print_lines([event.json()])  # type: ignore[list-item]

    def write(as_json: bool) -> None:
        from simsim.client import AsyncSimsim  # noqa: PLC0415
        from simsim.operations.remote.server import client_of  # noqa: PLC0415

        del as_json  # the output is JSON anyway
        anyio.run(follow, client_of(AsyncSimsim, api.server))

    return Written(write)


def show_usage(api: "Simsim", *, account: str | None, since: str | None, until: str | None, by: Any) -> Written:
    found = document_of(api.get_usage(account_of(api, account), since=since, until=until, by=by.value))
    return Written(lambda as_json: print_usage(found, as_json=as_json))


def print_usage(found: Document, *, as_json: bool) -> None:
    items = found["items"]
    if as_json or not isinstance(items, list):
        print_one(found, as_json=as_json)
    else:
        print_list(items, USAGE_COLUMNS, as_json=False)
