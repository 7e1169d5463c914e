"""The export of the log: every request that matches the filters, only for the account's administrators."""

import asyncio
import csv
import io
import itertools
import json
import os
import resource
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import QueryDict, StreamingHttpResponse
from django.test import AsyncClient, Client

from cast import Cast
from log_pages import BACKEND, NOON, log, page_of, refused, signed_in
from logged_requests import row, store
from simsim.account_log.downloads import from_the_loop
from simsim.accounts.actions import create_account
from simsim.accounts.permissions import OPERATOR
from simsim.console.logs.export import file_name
from simsim.console.logs.filter_form import LogFilterForm
from simsim.operations.command_line import run
from simsim.request_log.search import export
from simsim.request_log.search.export import COLUMNS, Format, pieces_of, written
from simsim.request_log.search.filters import LogFilters
from simsim.tokens.actions import edit_token
from simsim.tokens.models import Token
from verbs import WIRING

pytestmark = [pytest.mark.covers("R17"), pytest.mark.django_db(databases="__all__")]


def exported(client: Client, address: str) -> bytes:
    answer = client.get(address)
    assert answer.status_code == 200
    assert isinstance(answer, StreamingHttpResponse)
    return answer.getvalue()


def table(contents: bytes) -> list[dict[str, str]]:
    assert contents.startswith(b"\xef\xbb\xbfid,received_at,")
    assert contents.count(b"\n") == contents.count(b"\r\n")
    return list(csv.DictReader(io.StringIO(contents.decode("utf-8-sig"), newline="")))


def lines(contents: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in contents.decode().splitlines()]


def test_file_holds_what_the_filters_show_beyond_the_page(
    cast: Cast, alice: Client, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE_ROWS", 7)
    wanted = [log(cast, token, received_at=NOON + timedelta(seconds=second), status=404).pk for second in range(60)]
    log(cast, token)
    log(cast, status=404, account_id=cast.globex.pk)
    query = f"status=4xx&token={token.pk}&cursor=5&follow=on"
    found = table(exported(alice, f"{page_of(cast)}export/?format=csv&{query}"))
    assert [int(each["id"]) for each in found] == sorted(wanted, reverse=True)
    assert lines(exported(alice, f"{page_of(cast)}export/?format=jsonl&{query}"))[0]["id"] == found[0]["id"]


def test_rows_in_a_file_are_the_contracts_with_the_tokens_name_of_that_time(
    cast: Cast, alice: Client, token: Token, now: datetime
) -> None:
    refused(cast, "address_not_allowed", token, resource="=cmd|' /C calc'!A0", duration_seconds=None)
    edit_token(actor=cast.as_alice, token=token, name="Day load", description="", software=None,
               allowed_networks=["10.0.0.0/8"], now=now)  # fmt: skip
    [read] = lines(exported(alice, f"{page_of(cast)}export/?format=jsonl"))
    assert tuple(read) == COLUMNS
    assert read["resource"] == "=cmd|' /C calc'!A0"
    assert read["token_name"] == "Night load"
    assert read["detail"] == "The address 203.0.113.9 is not in the networks that the token “Night load” allows."
    [cells] = table(exported(alice, f"{page_of(cast)}export/?format=csv"))
    assert cells["resource"] == "'=cmd|' /C calc'!A0"
    assert cells | {"resource": read["resource"]} == {name: str(read[name] or "") for name in COLUMNS}


def test_log_without_requests_is_a_file_without_rows(cast: Cast, alice: Client) -> None:
    assert table(exported(alice, f"{page_of(cast)}export/?format=csv")) == []
    assert exported(alice, f"{page_of(cast)}export/?format=jsonl") == b""


@pytest.mark.covers("R1")
def test_charlie_cannot_export_alices_log(cast: Cast, token: Token) -> None:
    log(cast, token)
    log(cast, account_id=None)
    charlie, own = signed_in(cast.charlie), f"/accounts/{cast.globex.pk}/logs/export/?format=jsonl"
    assert charlie.get(f"{page_of(cast)}export/?format=jsonl").status_code == 404
    assert signed_in(cast.bob).get(f"{page_of(cast)}export/?format=jsonl").status_code == 403
    assert exported(charlie, own) == b""
    assert exported(charlie, f"{own}&account={cast.acme.pk}&software=none&address=203.0.113.9") == b""
    assert charlie.get(f"{own}&token={token.pk}").headers["Location"].startswith(f"/accounts/{cast.globex.pk}/logs/?")


def test_export_with_an_invalid_filter_redirects_to_its_error(cast: Cast, alice: Client) -> None:
    answer = alice.get(f"{page_of(cast)}export/?format=csv&status=lots&endpoint=/api/*")
    assert answer.headers["Location"] == f"{page_of(cast)}?endpoint=%2Fapi%2F%2A&status=lots"
    for wrong in ("", "?format=", "?format=xlsx"):
        assert alice.get(f"{page_of(cast)}export/{wrong}").status_code == 404
    for method in (alice.head, alice.post):
        assert method(f"{page_of(cast)}export/?format=csv").status_code == 405


def test_page_offers_both_files_with_its_filters(cast: Cast, alice: Client) -> None:
    content = alice.get(f"{page_of(cast)}?range=30d&status=4xx&cursor=5").content.decode()
    for form in Format:
        assert f'href="{page_of(cast)}export/?format={form}&amp;range=30d&amp;status=4xx" download' in content


@pytest.mark.parametrize(
    ("account", "query", "name"),
    [
        ("Acme & Co. „Größe“", "range=7d", "acme-co-große-log-last-7d-2026-11-24.csv"),
        ("日本", "", "account-log-all-2026-11-24.csv"),
        ("A" * 90, "since=2026-11-01&until=2026-11-02T03:04Z",
         f"{'a' * 40}-log-from-2026-11-01T0000Z-to-2026-11-02T0304Z-2026-11-24.csv"),
    ],
)  # fmt: skip
def test_name_of_the_file_says_account_range_and_date(account: str, query: str, name: str) -> None:
    form = LogFilterForm.read(QueryDict(query), now=NOON)
    assert file_name(account, form, Format.CSV, NOON) == name.replace("große", "groe")


def test_server_sends_each_part_as_soon_as_it_is_ready(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under ASGI, as in production: an iterator of the wrong kind would be consumed completely, with a warning."""
    monkeypatch.setattr(export, "PIECE_ROWS", 5)
    wanted = [log(cast, received_at=NOON + timedelta(seconds=second)).pk for second in range(12)]
    client = AsyncClient()
    client.force_login(cast.alice, backend=BACKEND)

    async def fetch() -> list[bytes]:
        answer: Any = await client.get(f"{page_of(cast)}export/?format=jsonl")
        assert answer.is_async
        return [part async for part in answer.streaming_content]

    parts = async_to_sync(fetch)()
    assert [part.count(b"\n") for part in parts] == [5, 5, 2]
    assert [int(line["id"]) for line in lines(b"".join(parts))] == wanted[::-1]


def test_disconnected_client_stops_the_export() -> None:
    made = itertools.count()

    def parts() -> Iterator[bytes]:
        while True:
            yield b"%d" % next(made)

    async def leave_early() -> None:
        async def read_on() -> None:
            async for _ in from_the_loop(parts()):
                await asyncio.sleep(0)

        reading = asyncio.create_task(read_on())
        while next(made) < 20:
            await asyncio.sleep(0.001)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    async_to_sync(leave_early)()
    reached = next(made)
    assert next(made) == reached + 1


def test_a_long_log_takes_no_more_memory_than_a_short_one() -> None:
    account, began = uuid.uuid4(), datetime(2026, 11, 1, tzinfo=UTC)
    for batch in range(10):
        moments = [began + timedelta(seconds=batch * 10_000 + second) for second in range(10_000)]
        store(*(row(account_id=account, received_at=moment) for moment in moments))
    number, held = 0, dict[int, int]()
    for part in written(pieces_of(LogFilters(account)), Format.JSONL):
        number += part.count(b"\n")
        held[number] = resident_bytes()
    assert number == 100_000
    # Ninety thousand rows more are some 30 MB of text, and many times that as objects.
    assert max(held.values()) < held[10_000] + 8_000_000


def resident_bytes() -> int:
    """Return the process's current memory; its maximum may come from other tests."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_operator_exports_at_the_command_line(
    cast: Cast, token: Token, now: datetime, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    rows = [log(cast, token, received_at=NOON + timedelta(seconds=at), resource=f"/{at}") for at in range(3)]
    log(cast, account_id=create_account(actor=OPERATOR, name="Other", now=now).pk)
    base = ["log", "export", "--account", str(cast.acme.pk)]

    def simsim(*options: str, status: int = 0) -> bytes:
        assert run([*base, *options], wiring=WIRING) == status
        return capfdbinary.readouterr().out

    heading, *found = simsim("--format", "csv").split(b"\r\n")
    # No byte order mark: a program would read it as part of the first column's name.
    assert heading.decode() == ",".join(COLUMNS)
    assert len(found) == 4
    for options in (["--format", "jsonl"], ["--json"]):
        assert [each["id"] for each in lines(simsim(*options))] == [str(each.pk) for each in reversed(rows)]
    assert [each["resource"] for each in lines(simsim("--json", "--endpoint", "/1"))] == ["/1"]
    assert simsim("--json", "--software", "excel", "--token", str(token.pk)) == b""
    assert simsim("--format", "csv", "--status", "lots", status=2) == b""
    assert simsim("--format", "xlsx", status=2) == b""


def test_closed_pipe_ends_the_command_without_an_error(
    cast: Cast, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `simsim log export … | head` does."""
    log(cast)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run(["log", "export", "--account", str(cast.acme.pk)], wiring=WIRING) == 0
    assert capfd.readouterr().err == ""
