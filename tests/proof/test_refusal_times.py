"""Twenty thousand refusals of each kind, in turn, take equally long, in the gate's process and over its socket."""

import socket
import statistics
import time
from base64 import b64encode
from functools import partial
from pathlib import Path

import pytest
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from cast import Cast
from console_client import text_of
from gate_database import Database
from refusal_times import (
    EACH,
    MAX_MEDIAN_DIFFERENCE,
    MAX_T,
    greatest_t,
    measure,
    medians_differ_by,
    refused_credentials,
)
from simsim.accounts.models import User
from simsim.credential.password import mint
from simsim.gate.app import VERIFY, Gate, Request
from simsim.gate.lookup_sqlite import SqliteLookup
from simsim.gate.refusals import FailureLimits
from simsim.gate.spool import Spool
from stack import Stack, started

ROUNDS = 20_000
GUESSES = 15
LIFETIME_SECONDS = 120


@pytest.mark.parametrize("limits", [None, FailureLimits()], ids=["401", "429"])
def test_reasons_take_equally_long_in_process(tmp_path: Path, limits: FailureLimits | None) -> None:
    database = Database(tmp_path / "simsim.sqlite3")
    (tmp_path / "spool").mkdir()
    gate = Gate(SqliteLookup(database.path), Spool(tmp_path / "spool"), limits=limits)
    gate.is_ready()
    ask = {
        kind: [
            partial(gate.verify, Request("", "GET", VERIFY, [value], ["203.0.113.9"], "0123456789abcdef" * 2))
            for value in values
        ]
        for kind, values in refused_credentials(database).items()
    }
    taken = measure(ask, ROUNDS, time.thread_time_ns)
    print({kind: f"{statistics.median(each):.0f} ns" for kind, each in taken.items()}, greatest_t(taken))
    assert medians_differ_by(taken) < MAX_MEDIAN_DIFFERENCE


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("on_postgresql", [False, True], ids=["SQLite", "PostgreSQL"])
def test_reasons_take_equally_long_over_the_socket(tmp_path: Path, on_postgresql: bool) -> None:
    limits = {"SIMSIM_FAILURES_PER_ADDRESS": "300", "SIMSIM_FAILURES_PER_USERNAME": "3000"}
    with started(Stack(tmp_path, on_postgresql, settings=limits), is_served_only=True) as stack:
        credentials = credentials_of(stack)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(stack.data / "run" / "gate.sock"))

            def ask(request: bytes) -> None:
                connection.sendall(request)
                assert connection.recv(65536)[9:12] in {b"401", b"429"}

            calls = {kind: [partial(ask, request_with(pair)) for pair in pairs] for kind, pairs in credentials.items()}
            taken = measure(calls, ROUNDS, time.perf_counter_ns)
    print({kind: f"{statistics.median(each) / 1000:.1f} µs" for kind, each in taken.items()}, greatest_t(taken))
    assert medians_differ_by(taken) < MAX_MEDIAN_DIFFERENCE
    assert greatest_t(taken)[0] < MAX_T


def credentials_of(stack: Stack) -> dict[str, list[tuple[str, str]]]:
    """Return the username and password of tokens of each kind, made by the command line."""
    found: dict[str, list[tuple[str, str]]] = {}

    def add(kind: str, *options: str, then: tuple[str, ...] = ()) -> None:
        for number in range(EACH):
            token = stack.create_token(f"{kind} {number}", *options)
            if then:
                stack.simsim("token", then[0], token["id"], "--as", "alice@acme.example", *then[1:])
            username = stack.other_account if kind == "unknown username" else token["username"]
            found.setdefault(kind, []).append((username, token["password"]))

    add("unknown username")
    found["wrong password"] = [(stack.account, mint()) for _ in range(EACH)]
    add("revoked", then=("revoke", "--reason", "leaked"))
    add("paused", then=("pause",))
    add("wrong address", "--allow", "192.0.2.0/24")
    ends_at = time.time() + LIFETIME_SECONDS
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends_at))
    expired = [stack.create_token(f"expired {number}", expires=expires) for number in range(EACH)]
    found["expired"] = [(token["username"], token["password"]) for token in expired]
    time.sleep(max(0.0, ends_at - time.time()))
    return found


def request_with(pair: tuple[str, str]) -> bytes:
    value = b64encode(":".join(pair).encode()).decode()
    return (
        f"HEAD /gate/verify HTTP/1.1\r\nHost: simsim\r\nAuthorization: Basic {value}\r\n"
        f"X-Request-Id: {'a' * 32}\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
    ).encode()


@pytest.mark.timeout(900)
@pytest.mark.django_db(databases="__all__")
def test_sign_in_takes_equally_long_whoever_is_named(cast: Cast, settings: Settings) -> None:
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    known = [cast.alice.email, cast.bob.email, cast.charlie.email]
    User.objects.filter(email__in=known).update(password=make_password("a password that nobody guesses"))
    seconds: dict[str, list[float]] = {"known": [], "unknown": []}
    answers = set()
    for number in range(GUESSES):
        for at, email in enumerate(known):
            for kind, named in (("known", email), ("unknown", f"nobody-{at}@acme.example")):
                stranger = Client(REMOTE_ADDR=f"203.0.{at}.{number + 1}")
                began = time.process_time()
                answer = stranger.post("/sign-in/login/", {"login": named, "password": "a wrong guess"})
                seconds[kind].append(time.process_time() - began)
                answers.add((answer.status_code, text_of(answer).replace(named, "")))
    known_median, unknown_median = (statistics.median(each) for each in seconds.values())
    print(f"known {known_median * 1000:.1f} ms, unknown {unknown_median * 1000:.1f} ms of processor time")
    assert len(answers) == 1
    assert abs(known_median / unknown_median - 1) < MAX_MEDIAN_DIFFERENCE
