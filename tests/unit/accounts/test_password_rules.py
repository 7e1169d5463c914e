"""Passwords that people choose: easy ones are refused, known words don't count, breaches are looked up privately."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from simsim.accounts import password_rules
from simsim.accounts.models import User

pytestmark = pytest.mark.covers("R1")
ALICE = User(email="alice.liddell@wonderland.example")
# The SHA-1 of "password" is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
BEGINNING, END = "5BAA6", "1E4C9B93F3F0682250B6CF8331B7EE68FD8"


def codes_of(password: str, user: User | None = ALICE) -> set[str]:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {each.code or "" for each in error.error_list}
    return set()


@pytest.mark.parametrize(
    "password",
    ["123456789012", "letmein123456", "simsimsimsim", "passwordpassword", "qwertyuiop12", "P@ssw0rd1234",
     "aaaaaaaaaaaaaaaa", "iloveyou1234", "Welcome12345", "abcdefghijkl", "5im5im5im5im"],
)  # fmt: skip
def test_easy_password_is_refused(password: str) -> None:
    assert "password_guessable" in codes_of(password)


@pytest.mark.parametrize(
    "password",
    ["open sesame, said the thief", "k3Jd-9qLz-22xWq", "kettle violin marsh 9 umbrella", "ключ под ковриком"],
)
def test_good_password_is_accepted(password: str) -> None:
    assert codes_of(password) == set()


@pytest.mark.parametrize(
    "password",
    ["Alice-Liddell-7Q", "wonderland#93xk", "SimSim-k3Jd-9q", "alice.liddell@wonderland.example", "a.l.i.c.e k3Jd-9q"],
)
def test_known_words_do_not_count(password: str) -> None:
    assert "password_known_word" in codes_of(password)


def test_known_word_in_a_long_password_is_allowed() -> None:
    assert codes_of("alice hid the violin in a kettle") == set()
    # Short parts of an address are in too many words.
    assert codes_of("also the valley altogether", User(email="al@b.example")) == set()


def test_very_long_password_is_estimated_in_bounded_time() -> None:
    assert codes_of("kettle violin marsh umbrella " * 200) == set()


@contextmanager
def range_service(lines: str, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers['Add-Padding']}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(lines.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/range/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_service_learns_five_digits_and_names_the_breached_password() -> None:
    with range_service(f"{'0' * 35}:4\r\n{END}:52256179\r\n") as (url, asked):
        with pytest.raises(ValidationError, match="break-in"):
            password_rules.NotBreached(url).validate("password")
        password_rules.NotBreached(url).validate("another password")
    assert asked[0] == f"/range/{BEGINNING} true"
    assert END not in "".join(asked)


def test_padding_of_the_answer_is_not_a_breach() -> None:
    with range_service(f"{END}:0\r\n") as (url, _):
        assert not password_rules.is_breached("password", url=url)


@pytest.mark.parametrize("status", [301, 429, 500])
def test_service_that_fails_refuses_nothing(status: int, caplog: pytest.LogCaptureFixture) -> None:
    with range_service("", status) as (url, _):
        password_rules.NotBreached(url).validate("password")
    assert ("did not answer" in caplog.text) == (status != 301)


def test_service_that_is_down_refuses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    password_rules.NotBreached("http://127.0.0.1:9/range/").validate("kettle violin marsh")
    assert "did not answer: ConnectionError" in caplog.text
    assert "kettle" not in caplog.text


def test_without_a_service_nothing_is_asked() -> None:
    password_rules.NotBreached().validate("password")
