"""The log, the usage, the audit trail, people, notices and requests for tokens by the management API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api_client import Program, program_of_alice
from cast import Cast
from logged_requests import NOON, row, store
from simsim.accounts.models import Role
from simsim.accounts.permissions import GRANTS, Permission
from simsim.api.log_documents import LoggedRequest, Usage
from simsim.management_tokens.models import Scope
from simsim.tokens.models import Token
from simsim.tokens.token_requests import ask_for_token

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def program(cast: Cast, now: datetime) -> Program:
    return program_of_alice(cast, now, Scope.TOKENS, Scope.PEOPLE)


@pytest.fixture
def account(cast: Cast) -> str:
    return f"/accounts/{cast.acme.pk}"


def field(answer: Any) -> str:
    return str(answer.json()["errors"][0]["field"])


@pytest.mark.covers("B7", "R17")
def test_the_log_is_filtered_and_paged_and_shows_nobody_elses_requests(
    program: Program, account: str, cast: Cast, token: Token
) -> None:
    mine = {"account_id": cast.acme.pk, "token_id": token.pk, "token_name": token.name}
    for number in range(5):
        store(row(**mine, received_at=NOON + timedelta(minutes=number), resource=f"/api/v2/entities/{number}"))
    store(row(**mine, status=401, outcome="refused", reason="expired", cause="expired"))
    store(row(account_id=cast.globex.pk))
    first = program.get(f"{account}/requests?limit=4")
    rows = first.json()["items"]
    for each in rows:
        LoggedRequest.model_validate(each)
    rows += program.get(first.headers["Link"].partition(">")[0].removeprefix("<http://localhost:8000")).json()["items"]
    assert len({each["id"] for each in rows}) == len(rows) == 6
    assert program.get(f"{account}/requests/{rows[0]['id']}").json() == rows[0]
    for query, number in (
        ("status=401", 1), ("status=4xx", 1), ("outcome=accepted", 5), (f"token={token.pk}", 6), ("software=none", 6),
        ("endpoint=/api/v2/entities/3", 1), ("endpoint=/api/v2/*", 6), ("since=2026-11-24T12:03:00Z", 2),
        ("until=2026-11-23", 0), ("address=203.0.113.9", 6),
    ):  # fmt: skip
        assert len(program.get(f"{account}/requests?{query}").json()["items"]) == number, query
    for query in ("status=abc", "since=yesterday", "since=2026-11-24T12:00:00", "software=no-such", "address=1.2.3"):
        answer = program.get(f"{account}/requests?{query}")
        assert (answer.status_code, field(answer)) == (422, query.partition("=")[0])
    assert program.get(f"{account}/requests?token=nonsense").status_code == 404
    for request_id in ("nonsense", "99999999999999999999", "1"):
        assert program.get(f"{account}/requests/{request_id}").status_code == 404


@pytest.mark.covers("B5", "B7")
@pytest.mark.parametrize("by", ["day", "token", "software", "endpoint", "status"])
def test_usage_adds_up_in_all_five_dimensions(
    program: Program, account: str, cast: Cast, token: Token, by: str
) -> None:
    for _ in range(3):
        store(row(account_id=cast.acme.pk, token_id=token.pk, token_name=token.name))
    store(row(account_id=cast.acme.pk, token_id=None, status=401, outcome="refused", reason="unknown_credentials"))
    found = program.get(f"{account}/usage?by={by}&since=2026-11-20&until=2026-11-25").json()
    Usage.model_validate(found)
    assert (found["accepted"], found["refused"], found["since"], found["until"]) == (3, 1, "2026-11-20", "2026-11-25")
    parts = [*found["items"], found["others"], found["without"]]
    assert (sum(each["accepted"] for each in parts), sum(each["refused"] for each in parts)) == (3, 1)
    if by == "day":
        assert [each["value"] for each in found["items"]] == [f"2026-11-{day}" for day in range(20, 26)]
    if by == "token":
        assert found["items"][0]["name"] == token.name


@pytest.mark.parametrize("query", ["since=2026-11-26&until=2026-11-25", "since=2020-01-01", "since=0001-01-01"])
def test_usage_of_an_impossible_time_is_refused(program: Program, account: str, query: str) -> None:
    answer = program.get(f"{account}/usage?{query}")
    assert (answer.status_code, field(answer)) == (422, "since")
    assert program.get(f"{account}/usage?until=0001-01-01").status_code == 200


@pytest.mark.covers("B7", "B3")
def test_an_allowlist_is_tried_out_and_suggested(program: Program, account: str, cast: Cast, token: Token) -> None:
    now = datetime.now(UTC)
    for address in ("203.0.113.9", "198.51.100.7"):
        store(row(account_id=cast.acme.pk, token_id=token.pk, address=address, received_at=now))
    one = f"{account}/tokens/{token.pk}"
    preview = program.post(f"{one}/allowlist-preview", {"allowed_networks": ["203.0.113.0/24"]}).json()
    assert preview == {
        "requests": 2, "addresses": 2, "excluded_requests": 1,
        "excluded": [{"address": "198.51.100.7", "requests": 1}],
    }  # fmt: skip
    assert program.get(f"{one}/allowlist-suggestion").json() == {
        "allowed_networks": ["198.51.100.7/32", "203.0.113.9/32"]
    }
    wrong = program.post(f"{one}/allowlist-preview", {"allowed_networks": ["10.0.0.1/8"]})
    assert (wrong.status_code, field(wrong)) == (422, "allowed_networks.0")


@pytest.mark.covers("B6", "B7")
def test_the_audit_trail_is_filtered(program: Program, account: str, cast: Cast, token: Token) -> None:
    program.post(f"{account}/tokens/{token.pk}/credentials")
    for query, expected in (
        ("event=token.*", ["token.credentials_shown", "token.created"]),
        ("actor=operator&event=user.*", ["user.added"] * 2),
        ("until=2020-01-01", []), ("event=token.created&limit=1", ["token.created"]),
    ):  # fmt: skip
        events = program.get(f"{account}/audit-events?{query}").json()["items"]
        assert [each["event"] for each in events] == expected, query
        assert all(each["account_id"] == str(cast.acme.pk) for each in events)
    assert field(program.get(f"{account}/audit-events?event=token.cretaed")) == "event"


@pytest.mark.covers("B6", "R1")
def test_who_may_read_the_log_only_does_not_read_the_audit_trail(
    program: Program, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = frozenset({Permission.VIEW_ACCOUNT, Permission.VIEW_LOG})
    monkeypatch.setitem(GRANTS, Role.ADMINISTRATOR, held)
    assert program.get(f"{account}/requests").status_code == 200
    assert program.get(f"{account}/audit-events").status_code == 403


@pytest.mark.covers("B7", "R1")
def test_people_are_invited_promoted_and_removed(program: Program, account: str, cast: Cast) -> None:
    people = f"{account}/people"
    made = program.post(people, {"email": "Dora@acme.example", "role": "member"}, Idempotency_Key="dora")
    assert (made.status_code, made.json()["email"]) == (201, "dora@acme.example")
    assert program.post(people, {"email": "Dora@acme.example", "role": "member"}, Idempotency_Key="dora").content == (
        made.content
    )
    assert program.post(people, {"email": "dora@acme.example", "role": "member"}).status_code == 409
    one = made.headers["Location"]
    assert (
        program.patch(one, {"role": "administrator"}, If_Match=made.headers["ETag"]).json()["role"] == "administrator"
    )
    assert program.patch(one, {"role": "member"}, If_Match=made.headers["ETag"]).status_code == 412
    assert program.post(f"{one}/invite").status_code in {200, 409}
    assert program.send("DELETE", one).status_code == 204
    assert program.get(one).status_code == 404
    last = f"{people}/{cast.alice.pk}"
    refused = program.send("DELETE", last)
    assert (refused.status_code, refused.json()["type"].rpartition("#")[2]) == (409, "last-administrator")
    assert [each["email"] for each in program.get(people).json()["items"]] == ["alice@acme.example", "bob@acme.example"]
    for wrong in ("nonsense", "-1", "99999999999999999999"):
        assert program.get(f"{people}/{wrong}").status_code == 404


@pytest.mark.covers("B7", "B10")
def test_notices_are_chosen(program: Program, account: str) -> None:
    path = f"{account}/notices"
    read = program.get(path)
    body = {"audiences": {"token_rotated": "nobody"}, "early_days": [14]}
    assert program.send("PUT", path, body).status_code == 428
    saved = program.send("PUT", path, body, If_Match=read.headers["ETag"])
    assert (saved.json()["audiences"]["token_rotated"], saved.json()["early_days"]) == ("nobody", [14])
    assert program.send("PUT", path, body, If_Match=read.headers["ETag"]).status_code == 412
    wrong = program.send("PUT", path, body | {"audiences": {"token_created": "nobody"}}, If_Match="*")
    assert (wrong.status_code, field(wrong)) == (422, "token_created")


@pytest.mark.covers("B7", "R3")
def test_a_members_request_is_granted_or_declined(program: Program, account: str, cast: Cast, now: datetime) -> None:
    def asked(name: str) -> str:
        return str(ask_for_token(actor=cast.as_bob, account=cast.acme, name=name, purpose="A report", now=now).pk)

    granted, declined = asked("Report"), asked("Game")
    path = f"{account}/token-requests"
    assert {each["name"] for each in program.get(path).json()["items"]} == {"Report", "Game"}
    assert program.post(f"{path}/{declined}/decline").json()["answer"] == "declined"
    body = {"name": "Report", "expires": "90d", "request_id": granted}
    assert program.post(f"{account}/tokens", body).status_code == 201
    again = program.post(f"{account}/tokens", body | {"name": "Other"})
    assert (again.status_code, again.json()["type"].rpartition("#")[2]) == (409, "already-answered")
    assert program.get(path).json()["items"] == []
    assert program.post(f"{account}/tokens", body | {"request_id": "nonsense", "name": "X"}).status_code == 404


@pytest.mark.parametrize("email", ["a\0@acme.example", "nobody", "ä@acme.example", "x" * 300 + "@acme.example"])
def test_an_address_that_is_none_is_refused(program: Program, account: str, email: str) -> None:
    answer = program.post(f"{account}/people", {"email": email, "role": "member"})
    assert (answer.status_code, field(answer)) == (422, "email")
