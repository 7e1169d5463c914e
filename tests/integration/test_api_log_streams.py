"""The log by the management API as a file and as a stream: nothing is lost, nothing comes twice."""

import csv
import io
import json
import random
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from api_client import Program, program_of_alice
from cast import Cast
from logged_requests import row, store
from simsim.account_log import new_requests
from simsim.accounts.actions import change_role
from simsim.accounts.models import Role
from simsim.accounts.permissions import OPERATOR
from simsim.api import event_streams, log_streams
from simsim.audit.models import AuditEvent
from simsim.management_tokens.models import Scope
from simsim.request_log.models import WorkerNode

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B7", "R17")]
_events = re.compile(rb"id: ([0-9]+)\nevent: request\ndata: (.*)\n\n")
_marks = re.compile(rb": everything up to here\nid: ([0-9]+)\n\n")


@pytest.fixture
def alice(cast: Cast, now: datetime) -> Program:
    return program_of_alice(cast, now, Scope.READ)


@pytest.fixture
def path(cast: Cast) -> str:
    return f"/accounts/{cast.acme.pk}/requests"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream ends after one look at the log."""
    monkeypatch.setattr(log_streams, "FOLLOW_SECONDS", 60.0)
    monkeypatch.setattr(log_streams, "POLL_SECONDS", 60.0)


def node(name: str, round_at: datetime, unshipped_since: datetime | None = None) -> None:
    WorkerNode.objects.update_or_create(
        node=name,
        defaults={
            "host": name, "started_at": round_at, "round_at": round_at, "boot_id": "", "boot_seconds": 1.0,
            "unshipped_since": unshipped_since,
        },
    )  # fmt: skip


def requests(cast: Cast, moments: list[datetime], **changed: Any) -> list[str]:
    return [str(each) for each in store(*(row(account_id=cast.acme.pk, received_at=at, **changed) for at in moments))]


def body_of(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def followed(alice: Program, path: str, last_id: str = "", query: str = "") -> tuple[list[str], str]:
    """Return the ids of the requests that one connection gets, and the last event id that the client then has."""
    sent = {"Last_Event_ID": last_id} if last_id else {}
    answer = alice.get(f"{path}/follow{query}", **sent)
    assert answer.headers["Content-Type"] == "text/event-stream"
    body = body_of(answer)
    for event_id, data in _events.findall(body):
        assert json.loads(data)["id"] == event_id.decode()
    ids = [event_id.decode() for event_id, _ in _events.findall(body)]
    return ids, ([*ids, *(each.decode() for each in _marks.findall(body))] or [last_id])[-1]


def test_a_follower_gets_each_request_once_in_order_however_late_a_node_stores_it(
    alice: Program, path: str, cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_requests, "MAX_PAGE_ROWS", 3)
    monkeypatch.setattr(timezone, "now", lambda: now)
    chance, began = random.Random(14), now - timedelta(minutes=5)
    times = {name: [began + timedelta(seconds=chance.random() * 240) for _ in range(60)] for name in "ab"}
    shipped = dict.fromkeys(times, 0)
    for each in times.values():
        each.sort()
    stored: list[str] = []
    got: list[str] = []
    node("a", began)
    node("b", began)
    _, last_id = followed(alice, path)
    assert last_id, "a client that sees no request knows where to go on"
    while any(shipped[name] < len(times[name]) for name in times):
        name = chance.choice("ab")
        step = times[name][shipped[name] : shipped[name] + chance.randrange(1, 15)]
        stored += requests(cast, step) if step else []
        shipped[name] += len(step)
        left = times[name][shipped[name] :]
        # The node says that it has stored everything up to then; the next line waits.
        node(name, now, left[0] if left else None)
        new, last_id = followed(alice, path, last_id)
        got += new
    got += followed(alice, path, last_id)[0]
    assert got == sorted(stored, key=int)
    assert len(got) == 120
    # From the beginning, in one connection, with many requests in one moment.
    stored += requests(cast, [began] * 10)
    assert followed(alice, path, "0")[0] == sorted(stored, key=int)
    assert followed(alice, path, query=f"?since={began.date() - timedelta(days=1)}")[0] == sorted(stored, key=int)


def test_a_silent_node_is_waited_for_only_for_a_while(alice: Program, path: str, cast: Cast, now: datetime) -> None:
    [seen] = requests(cast, [now - timedelta(seconds=30)])
    assert followed(alice, path, "0") == ([], "0")
    node("a", now)
    node("dead", now - timedelta(minutes=1))
    assert followed(alice, path, "0")[0] == []
    node("dead", now - timedelta(minutes=11))
    assert followed(alice, path, "0")[0] == [seen]


def test_a_follower_sees_only_what_the_filters_and_the_account_allow(
    alice: Program, path: str, cast: Cast, now: datetime
) -> None:
    [wanted] = requests(cast, [now - timedelta(seconds=40)], status=403)
    requests(cast, [now - timedelta(seconds=30)])
    store(row(account_id=cast.globex.pk, received_at=now - timedelta(seconds=30), status=403))
    node("a", now)
    assert followed(alice, path, "0", "?status=4xx")[0] == [wanted]
    for query, last_id in (("?status=teapot", "0"), ("?until=2027-01-31", "0"), ("", "x"), ("", str(2**63))):
        refused = alice.get(f"{path}/follow{query}", Last_Event_ID=last_id)
        assert (refused.status_code, refused.json()["type"].rpartition("#")[2]) == (422, "invalid"), query


def test_a_stream_ends_soon_after_its_reader_may_no_longer_read(
    alice: Program, path: str, cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_streams, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(event_streams, "POLL_SECONDS", 0.0)
    node("a", now)
    parts = iter(alice.get(f"{path}/follow").streaming_content)
    assert [next(parts)[:5], next(parts)[:5]] == [b"retry", b": eve"]
    change_role(actor=OPERATOR, account=cast.acme, user=cast.bob, role=Role.ADMINISTRATOR, now=now)
    change_role(actor=OPERATOR, account=cast.acme, user=cast.alice, role=Role.MEMBER, now=now)
    assert list(parts) == []


def test_followers_are_limited_and_a_closed_one_makes_room(alice: Program, path: str, now: datetime) -> None:
    node("a", now)
    held = [alice.get(f"{path}/follow") for _ in range(event_streams.MAX_FOLLOWERS_OF_CLIENT)]
    refused = alice.get(f"{path}/follow")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    body_of(held.pop())
    assert body_of(alice.get(f"{path}/follow")).startswith(b"retry: 2000\n\n")
    held.clear()
    assert alice.get(f"{path}/follow").status_code == 200


def test_an_export_has_every_request_and_is_recorded(alice: Program, path: str, cast: Cast, now: datetime) -> None:
    ids = requests(cast, [now - timedelta(seconds=n) for n in range(1500)])
    lines = body_of(alice.get(f"{path}/export?format=jsonl")).decode().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids[::-1]
    answer = alice.get(f"{path}/export?status=2xx")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    table = list(csv.DictReader(io.StringIO(body_of(answer).decode("utf-8-sig"))))
    assert [each["id"] for each in table] == ids[::-1]
    events = AuditEvent.objects.filter(event="log.exported").order_by("pk")
    assert [(each.actor_label, each.details["format"]) for each in events] == [
        ("alice@acme.example", form) for form in ("jsonl", "csv")
    ]
    assert alice.get(f"{path}/export?status=teapot").status_code == 422
    assert len(events.all()) == 2
