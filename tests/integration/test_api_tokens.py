"""Tokens by the management API: the rules of the console, and the behaviour that integrators check first."""

from datetime import datetime, timedelta

import pytest

from api_client import ROOT, Program, program_of_alice
from cast import Cast
from console_client import sign_in
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.tokens.actions import create_token
from simsim.tokens.models import Token
from verbs import TOKEN_FIELDS

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def program(cast: Cast, now: datetime) -> Program:
    return program_of_alice(cast, now)


@pytest.fixture
def path(cast: Cast) -> str:
    return f"/accounts/{cast.acme.pk}/tokens"


@pytest.mark.covers("B7", "R1")
def test_a_token_is_created_read_changed_rotated_and_revoked(program: Program, path: str, cast: Cast) -> None:
    made = program.post(path, {"name": "Power BI", "expires": "90d", "allowed_networks": ["203.0.113.7"]})
    assert made.status_code == 201, made.content
    token = made.json()
    assert token.keys() == TOKEN_FIELDS | {"username", "password"}
    assert (token["username"], token["password"][:4]) == (str(cast.acme.pk), "sim_")
    assert (token["created_by"], token["allowed_networks"]) == ("alice@acme.example", ["203.0.113.7/32"])
    assert made.headers["Location"] == f"{ROOT}{path}/{token['id']}"
    assert "no-store" in made.headers["Cache-Control"]
    one = made.headers["Location"]
    read = program.get(one)
    assert read.json().keys() == TOKEN_FIELDS
    assert read.headers["ETag"] == made.headers["ETag"]
    edited = program.patch(one, {"description": "The sales report", "software": None}, If_Match=read.headers["ETag"])
    assert (edited.status_code, edited.json()["description"]) == (200, "The sales report")
    shown = program.post(f"{one}/credentials")
    assert shown.json() == {"username": token["username"], "password": token["password"]}
    rotated = program.post(f"{one}/rotate", {"overlap_seconds": 60}).json()
    assert rotated["password"] != token["password"]
    assert rotated["previous_password_works_until"].endswith("Z")
    assert program.post(f"{one}/end-overlap").json()["previous_password_works_until"] is None
    revoked = program.post(f"{one}/revoke", {"reason": "replaced"}).json()
    assert (revoked["status"], revoked["revoked_by"], revoked["revocation_reason"]) == (
        "revoked", "alice@acme.example", "replaced",
    )  # fmt: skip
    ended = program.patch(one, {"name": "Other"}, If_Match="*")
    assert (ended.status_code, ended.json()["type"].rpartition("#")[2]) == (409, "token-not-active")


@pytest.mark.covers("B7", "B6")
def test_the_audit_trail_names_the_person_and_the_management_token(program: Program, path: str) -> None:
    program.post(path, {"name": "Power BI", "expires": "90d"})
    event = AuditEvent.objects.get(event="token.created")
    assert event.actor_label == "alice@acme.example"
    listed = program.get(path.replace("tokens", "audit-events") + "?event=token.created").json()["items"]
    [token] = AuditEvent.objects.filter(event="management_token.created").values_list("subject_id", flat=True)
    assert [each["details"]["management_token"] for each in listed] == [token]


@pytest.mark.covers("B7")
def test_every_field_that_is_wrong_is_named(program: Program, path: str) -> None:
    answer = program.post(path, {"name": " ", "expires": "yesterday", "allowed_networks": ["10.0.0.1/8"]})
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert {each["field"] for each in answer.json()["errors"]} == {"name", "expires", "allowed_networks.0"}
    assert answer.json()["type"] == "http://localhost:8000/docs/reference/problems.html#invalid"
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"name": "A", "expires": "90d", "owner": 1}', 422, "owner"),
        (b'{"name": "A", "name": "B", "expires": "90d"}', 422, "name"),
        (b'{"name": 7, "expires": "90d"}', 422, "name"),
        (b'{"name": "A"}', 422, "expires"),
        (b"[]", 422, "body"),
        (b'{"name": NaN}', 400, None),
        (b'{"name": "\\ud800", "expires": "90d"}', 400, None),
        (b'{"name": "\\u0000", "expires": "90d"}', 422, "name"),
        (b"[" * 100_000, 400, None),
        (b"\xff", 400, None),
    ],
)
def test_a_body_with_anything_unknown_is_refused(
    program: Program, path: str, body: bytes, status: int, field: str | None
) -> None:
    answer = program.post(path, body)
    assert answer.status_code == status, answer.content
    assert [each["field"] for each in answer.json().get("errors", [])] == ([field] if field else [])
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    "query", ["stauts=active", "limit=5&limit=6", "limit=0", "limit=1_0", "limit=1.0", "status=stopped", "q=%00"]
)
def test_a_query_with_anything_unknown_is_refused(program: Program, path: str, query: str) -> None:
    answer = program.get(f"{path}?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_a_body_of_another_type_or_where_none_is_taken_is_refused(program: Program, path: str, token: Token) -> None:
    form = program.client.post(ROOT + path, {"name": "A"}, headers={"authorization": program.authorization})
    assert form.status_code == 415
    answer = program.post(f"{path}/{token.pk}/credentials", {"again": True})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "again")


@pytest.mark.parametrize("field", ["name", "description", "software"])
def test_text_that_no_database_takes_is_refused(program: Program, path: str, field: str) -> None:
    answer = program.post(path, {"name": "A", "expires": "30d"} | {field: "a\0b"}, Idempotency_Key="nul")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_pages_follow_one_another_and_are_linked(program: Program, path: str, cast: Cast, now: datetime) -> None:
    for number in range(7):
        create_token(actor=cast.as_alice, account=cast.acme, name=f"T{number}", expires=f"{90 - number % 3}d", now=now)
    address, seen = f"{path}?limit=3&status=active&q=t", []
    while address:
        answer = program.get(address)
        page = answer.json()
        seen += [each["name"] for each in page["items"]]
        address = answer.headers.get("Link", "").partition(">")[0].removeprefix("<http://localhost:8000")
        assert bool(address) == (page["next_cursor"] is not None)
    assert len(seen) == len(set(seen)) == 7
    assert program.get(f"{path}?cursor=nonsense").json()["errors"][0]["field"] == "cursor"


@pytest.mark.covers("B7")
def test_of_two_editors_with_one_etag_the_second_is_refused(program: Program, path: str, token: Token) -> None:
    one = f"{path}/{token.pk}"
    tag = program.get(one).headers["ETag"]
    assert program.patch(one, {"description": "first"}, If_Match=tag).status_code == 200
    second = program.patch(one, {"description": "second"}, If_Match=tag)
    assert (second.status_code, program.get(one).json()["description"]) == (412, "first")
    assert program.patch(one, {"description": "third"}).status_code == 428
    assert program.patch(one, {"description": "third"}, If_Match=f'W/"x", {tag}').status_code == 412


@pytest.mark.covers("B7")
def test_a_repeated_create_gets_the_first_answer(program: Program, path: str, cast: Cast) -> None:
    body = {"name": "Power BI", "expires": "90d"}
    first = program.post(path, body, Idempotency_Key='"k 1"')
    again = program.post(path, body, Idempotency_Key='"k 1"')
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert (again.headers["Idempotency-Replayed"], again.headers["Location"]) == ("true", first.headers["Location"])
    assert "no-store" in again.headers["Cache-Control"]
    assert Token.objects.count() == 1
    assert OwedMail.objects.filter(kind="token_created").count() == 1
    other = program.post(path, body | {"name": "Other"}, Idempotency_Key='"k 1"')
    assert (other.status_code, other.json()["type"].rpartition("#")[2]) == (422, "idempotency-key-reused")


def test_a_refused_request_frees_its_key(program: Program, path: str) -> None:
    assert program.post(path, {"name": "A", "expires": "never"}, Idempotency_Key="k-2").status_code == 422
    assert program.post(path, {"name": "A", "expires": "90d"}, Idempotency_Key="k-2").status_code == 201


@pytest.mark.parametrize("key", ["", '""', "a b", "ä", '"open', "x" * 256])
def test_a_text_that_is_no_key_is_refused(program: Program, path: str, key: str) -> None:
    answer = program.post(path, {"name": "A", "expires": "90d"}, Idempotency_Key=key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


def test_a_person_in_a_browser_needs_the_csrf_header_and_a_recent_password(
    cast: Cast, path: str, now: datetime
) -> None:
    from django.test import Client

    browser = Program(client=sign_in(cast.alice, Client(enforce_csrf_checks=False)))
    assert browser.get(path).status_code == 200
    body = {"name": "A", "expires": "90d"}
    browser.client.handler.enforce_csrf_checks = True
    assert browser.post(path, body).json()["type"].rpartition("#")[2] == "csrf"
    page = browser.client.get(f"{ROOT}/docs")
    csrf = str(page.content).partition('data-csrf-token="')[2].partition('"')[0]
    assert browser.post(path, body, X_CSRFToken=csrf).status_code == 201
    session = browser.client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= timedelta(hours=1).total_seconds()
    session.save()
    late = browser.post(path, body | {"name": "B"}, X_CSRFToken=csrf)
    assert (late.status_code, late.json()["type"].rpartition("#")[2]) == (403, "recent-authentication-required")
    assert browser.get(path).status_code == 200


def test_anything_else_below_the_api_is_a_problem_document(program: Program, path: str) -> None:
    for answer, status in ((program.get("/nowhere"), 404), (program.send("PUT", path), 405)):
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert program.send("PUT", path).headers["Allow"] == "GET, POST"
