"""What the Python client sends, sends again, and makes of an answer, against a server that follows a script."""

import inspect
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

import tls_files
from scripted_server import DROP, Script, answer, problem, scripted
from simsim import client
from simsim.client import AsyncSimsim, Retries, Simsim, event_stream, retries
from simsim.client.exchange import Request

pytestmark = pytest.mark.any_database
SOFTWARE = {"slug": "power-bi", "name": "Power BI", "retired_at": None}
LISTED = {"items": [SOFTWARE], "next_cursor": None}
PERSON = {
    "id": "7", "email": "a@acme.example", "role": "member", "is_active": True, "joined_at": "2027-01-31T12:00:00Z",
    "last_sign_in_at": None,
}  # fmt: skip
CREDENTIALS: Any = {"username": "u", "password": "p"}
Call = Callable[[Any], Any]
Run = Callable[[Script, Call], Any]


def sync(script: Script, call: Call) -> Any:
    with Simsim(script.url, **CREDENTIALS) as api:
        return call(api)


def in_a_loop(script: Script, call: Call) -> Any:
    async def main() -> Any:
        async with AsyncSimsim(script.url, **CREDENTIALS) as api:
            return await call(api)

    return anyio.run(main)


@pytest.fixture(params=[sync, in_a_loop])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(retries, "FIRST_PAUSE_SECONDS", 0.001)
    found: Run = request.param
    return found


def list_software(api: Any) -> Any:
    return api.list_software()


def create_software(api: Any) -> Any:
    return api.create_software(slug="power-bi", name="Power BI")


def revoke(api: Any) -> Any:
    return api.revoke_token("a", "t", reason="leaked")


def test_a_read_is_repeated_until_the_server_answers(run: Run) -> None:
    answers = (answer(DROP), problem(503), answer(502, "<html>"), answer(200, LISTED))
    with scripted(*answers) as script:
        assert run(script, list_software).items[0].name == "Power BI"
    assert len(script.heard) == 4


def test_a_creation_is_repeated_with_the_same_key(run: Run) -> None:
    with scripted(answer(DROP), problem(409, "request-under-way"), answer(201, SOFTWARE)) as script:
        assert run(script, create_software).slug == "power-bi"
    keys = {each.headers["Idempotency-Key"] for each in script.heard}
    assert (len(script.heard), len(keys)) == (3, 1)
    assert {each.body for each in script.heard} == {b'{"slug":"power-bi","name":"Power BI"}'}


def test_what_may_have_been_carried_out_is_not_repeated(run: Run) -> None:
    with scripted(answer(DROP)) as script, pytest.raises(client.NoAnswer) as caught:
        run(script, revoke)
    assert (len(script.heard), caught.value.was_sent) == (1, True)
    with scripted(problem(503)) as script, pytest.raises(client.ServerFailed):
        run(script, revoke)
    assert len(script.heard) == 1


def test_a_request_that_was_only_counted_is_repeated_after_the_time_that_the_server_asks_for(run: Run) -> None:
    with scripted(problem(429, Retry_After="1"), answer(200, PERSON)) as script:
        began = datetime.now(UTC)
        run(script, lambda api: api.change_role("a", "7", role="member", if_match='"x"'))
    assert datetime.now(UTC) - began >= timedelta(seconds=1)
    assert [each.headers["If-Match"] for each in script.heard] == ['"x"', '"x"']


def test_a_wait_that_is_too_long_is_the_callers_decision(run: Run) -> None:
    with scripted(problem(429, Retry_After="3600")) as script, pytest.raises(client.RateLimited) as caught:
        run(script, list_software)
    assert (len(script.heard), caught.value.retry_after_seconds) == (1, 3600)


def test_attempts_end(run: Run) -> None:
    with scripted(problem(503)) as script, pytest.raises(client.ServerFailed):
        run(script, list_software)
    assert len(script.heard) == Retries().max_attempts


def test_a_removal_whose_answer_was_lost_has_worked(run: Run) -> None:
    with scripted(answer(DROP), problem(404)) as script:
        run(script, lambda api: api.remove_person("a", "7"))
    with scripted(problem(404)) as script, pytest.raises(client.NotFound):
        run(script, lambda api: api.remove_person("a", "7"))


def test_a_server_that_nobody_reaches_gets_no_request(run: Run) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with pytest.raises(client.NoAnswer) as caught:
            run(Script([], port=port), revoke)
    assert caught.value.was_sent is False


def test_a_problem_is_typed_and_names_the_fields(run: Run) -> None:
    document = problem(422, "invalid")[1] | {"errors": [{"field": "name", "detail": "Taken."}]}
    headers = {"Content-Type": "application/problem+json; charset=utf-8"}
    with scripted((422, document, headers)) as script, pytest.raises(client.Invalid) as caught:
        run(script, create_software)
    assert caught.value.slug == "invalid"
    assert [(each.field, each.detail) for each in caught.value.errors] == [("name", "Taken.")]
    assert str(caught.value) == "422 T: D"


@pytest.mark.parametrize(
    "unreadable", [answer(200, b"<html>"), answer(200, {"items": 1, "next_cursor": None}), answer(200, [])]
)
def test_an_answer_of_another_program_is_no_result(run: Run, unreadable: Any) -> None:
    with scripted(unreadable) as script, pytest.raises(client.UnexpectedAnswer):
        run(script, list_software)


def test_a_redirect_gets_no_credentials(run: Run) -> None:
    elsewhere = answer(302, "", Location="https://elsewhere.example/")
    with scripted(elsewhere) as script, pytest.raises(client.UnexpectedAnswer, match="302"):
        run(script, list_software)
    assert len(script.heard) == 1


def test_iteration_follows_the_cursor_and_fields_that_are_new_do_no_harm() -> None:
    account = {
        "id": "a", "name": "Acme", "external_id": None, "created_at": "2027-01-31T12:00:00.5Z", "closed_at": None,
        "programs_may_rotate": False, "invented_later": 1,
    }  # fmt: skip
    pages = [answer(200, {"items": [account], "next_cursor": cursor}) for cursor in ("c&d", None)]
    with scripted(*pages) as script:
        found = sync(script, lambda api: list(api.iterate_accounts(limit=1)))
    assert [each.path for each in script.heard] == ["/api/v1/accounts?limit=1", "/api/v1/accounts?limit=1&cursor=c%26d"]
    assert found[0].created_at == datetime(2027, 1, 31, 12, 0, 0, 500000, UTC)
    assert client.document_of(found[0])["created_at"] == "2027-01-31T12:00:00.500000Z"


def test_a_field_that_is_not_given_is_not_sent_and_none_is_null() -> None:
    token = json.loads((Path(__file__).parent / "token.json").read_text())
    with scripted(answer(200, token, ETag='"v1"')) as script:
        found = sync(script, lambda api: api.edit_token("a", "t/../x", if_match="*", software=None))
    assert script.heard[0].body == b'{"software":null}'
    assert script.heard[0].path == "/api/v1/accounts/a/tokens/t%2F..%2Fx"
    assert found.etag == '"v1"'
    assert client.document_of(found) == token


def test_a_change_without_the_etag_of_what_was_read_is_refused_before_it_is_sent() -> None:
    with scripted(answer(200)) as script, pytest.raises(ValueError, match="no ETag"):
        sync(script, lambda api: api.edit_token("a", "t", if_match="", name="N"))
    assert not script.heard


def test_secrets_are_in_no_repr(run: Run) -> None:
    with scripted(answer(200, {"username": "u", "password": "sim_secret"})) as script:
        found = run(script, lambda api: api.show_credentials("a", "t"))
    assert found.password == "sim_secret"
    assert "sim_secret" not in repr(found)
    assert "hidden" not in repr(Simsim("https://c.example", username="u", password="hidden"))
    assert "hidden" not in repr(Request("POST", "/", body={"password": "hidden"}))
    odd = answer(200, {"username": 1, "password": "sim_secret"})
    with scripted(odd) as script, pytest.raises(client.UnexpectedAnswer) as caught:
        run(script, lambda api: api.show_credentials("a", "t"))
    assert "sim_secret" not in str(caught.value)


@pytest.mark.parametrize(
    "server",
    ["http://console.example.com", "ftp://c.example", "console", "https://u:p@c.example", "https://c.example?q"],
)
def test_credentials_are_sent_to_no_doubtful_address(server: str) -> None:
    for kind in (Simsim, AsyncSimsim):
        with pytest.raises(ValueError, match=r"not the address|unencrypted"):
            kind(server, **CREDENTIALS)


def test_certificates_are_verified(tmp_path: Path) -> None:
    certificate, key = tls_files.make(tmp_path)
    for ca_file, reason in ((None, "(?i)certificate"), (str(certificate), "(?i)disconnected|reset|eof|closed")):
        with tls_files.presenting(certificate, key) as port:
            api = Simsim(
                f"https://localhost:{port}", **CREDENTIALS, ca_file=ca_file, retries=Retries(max_attempts=1)
            )  # fmt: skip
            with api, pytest.raises(client.NoAnswer, match=reason) as caught:
                api.list_software()
            assert caught.value.was_sent is (ca_file is not None)


def test_an_answer_that_trickles_is_given_up(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                try:
                    for _ in range(100):
                        connection.sendall(b" ")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        url, policy = f"http://127.0.0.1:{listener.getsockname()[1]}", Retries(max_attempts=1)
        options: Any = CREDENTIALS | {"timeout_seconds": 0.5, "retries": policy}

        async def ask() -> None:
            async with AsyncSimsim(url, **options) as api:
                await api.list_software()

        def ask_now() -> None:
            with Simsim(url, **options) as api:
                api.list_software()

        began = time.monotonic()
        with pytest.raises(client.NoAnswer):
            ask_now() if run is sync else anyio.run(ask)
        assert time.monotonic() - began < 3
        thread.join()


EVENTS = b'id: 1\nevent: request\ndata: {"a": 1}\n\n: still here\n\nid: 2\nevent: request\ndata: {}\n\n'


def test_parts_and_events_are_passed_on_as_they_arrive(run: Run) -> None:
    async def all_of(opened: Any) -> list[Any]:
        async with opened as parts:
            return [part async for part in parts]

    def read(api: Any) -> Any:
        opened = api._events(Request("GET", "/follow"))
        if isinstance(api, AsyncSimsim):
            return all_of(opened)
        with opened as parts:
            return list(parts)

    with scripted(answer(200, EVENTS, Content_Type="text/event-stream")) as script:
        assert [(each.id, each.event, each.data) for each in run(script, read)] == [
            ("1", "request", '{"a": 1}'), ("2", "request", "{}"),
        ]  # fmt: skip
    with scripted(problem(403)) as script, pytest.raises(client.NotPermitted):
        run(script, read)
    table = answer(200, b"a,b\r\n", Content_Type="text/csv")
    with (
        scripted(table) as script,
        Simsim(script.url, **CREDENTIALS) as api,
        api._stream(Request("GET", "/export")) as parts,
    ):
        assert b"".join(parts) == b"a,b\r\n"


def test_a_stream_of_events_goes_on_where_it_broke_off(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def first_three(opened: Any) -> list[Any]:
        async with opened as events:
            return [await anext(events) for _ in range(3)]

    def read(api: Any) -> Any:
        opened = api.follow_requests("a", status="4xx", last_event_id="0")
        if isinstance(api, AsyncSimsim):
            return first_three(opened)
        with opened as events:
            return [next(events) for _ in range(3)]

    monkeypatch.setattr(event_stream, "PAUSE_SECONDS", 0.001)
    marked = b"retry: 1\n\n" + EVENTS + b": everything up to here\nid: 7\n\nid: 8\nevent: request\ndata: {half"
    last = b'id: 9\nevent: request\ndata: {"b": 2}\n\n'
    stream = {"Content_Type": "text/event-stream"}
    with scripted(answer(200, marked, **stream), answer(DROP), problem(503), answer(200, last, **stream)) as script:
        assert [(each.id, each.data) for each in run(script, read)] == [
            ("1", '{"a": 1}'),
            ("2", "{}"),
            ("9", '{"b": 2}'),
        ]
    # A mark says that there is nothing else up to it; half an event is none, and comes again.
    assert [each.headers["Last-Event-ID"] for each in script.heard] == ["0", "7", "7", "7"]
    assert {each.path for each in script.heard} == {"/api/v1/accounts/a/requests/follow?status=4xx"}
    with scripted(answer(200, EVENTS, **stream), problem(403)) as script, pytest.raises(client.NotPermitted):
        run(script, read)
    assert [each.headers["Last-Event-ID"] for each in script.heard] == ["0", "2"]


def test_retry_after_is_read_in_both_forms() -> None:
    now = datetime(2027, 1, 31, 12, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    read = partial(retries.retry_after, now=now)
    assert [read({"Retry-After": text}) for text in ("7", later, "soon", "-1", "")] == [7, 90, None, None, None]
    assert read({}) is None


def test_a_put_is_repeated_only_if_a_second_one_would_succeed() -> None:
    def is_repeatable(if_match: str) -> bool:
        return Request("PUT", "/", if_match=if_match).is_repeatable

    assert (is_repeatable("*"), is_repeatable('"x"')) == (True, False)


def test_both_clients_have_the_same_methods() -> None:
    def signatures(kind: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {name: [*inspect.signature(each).parameters] for name, each in methods if not name.startswith("_")}

    one, other = signatures(Simsim), signatures(AsyncSimsim)
    assert one.pop("close") == other.pop("aclose")
    assert one == other


def test_the_client_loads_neither_django_nor_the_server() -> None:
    code = """
import sys, simsim
package = set(sys.modules)
import simsim.client
found = {name.partition(".")[0] for name in set(sys.modules) - package}
print({name for name in set(sys.modules) - package if name.startswith("simsim.") and "client" not in name})
print(found & {"django", "ninja", "pydantic", "cryptography", "typer"})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["set()", "set()", ""]
