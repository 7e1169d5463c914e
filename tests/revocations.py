"""Calls with a token around the moment at which its revocation, pause or resume returns."""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stack import Stack, basic

HAND = Path(__file__).with_name("token_hand.py")


class Caller(threading.Thread):
    """Calls the API repeatedly over one connection, and notes when each request began and its status."""

    def __init__(self, stack: Stack, auth: tuple[str, str]) -> None:
        super().__init__(daemon=True)
        self.port, self.headers = stack.gateway_port, basic(auth)
        self.seen: list[tuple[float, int]] = []
        self.done = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.done.is_set():
            began = time.monotonic()
            connection.request("GET", "/status/200", headers=self.headers)
            answer = connection.getresponse()
            answer.read()
            self.seen.append((began, answer.status))
        connection.close()


def calls_around(
    stack: Stack, token: dict[str, str], change: Callable[[str], object], *, before: int = 200
) -> tuple[float, list[tuple[float, int]]]:
    """Call with the token from two threads while `change` runs; return when it returned, and the calls.

    The change is made once each thread has been answered with the status `before`.
    """
    callers = [Caller(stack, (token["username"], token["password"])) for _ in range(2)]
    for caller in callers:
        caller.start()
    stack.wait_until(lambda: all(any(status == before for _, status in caller.seen) for caller in callers), "answered")
    change(token["id"])
    returned = time.monotonic()
    stack.wait_until(lambda: all(sum(began > returned for began, _ in c.seen) >= 3 for c in callers), "called after")
    for caller in callers:
        caller.done.set()
        caller.join()
    return returned, [seen for caller in callers for seen in caller.seen]


@contextmanager
def hand_of(stack: Stack) -> Iterator[Callable[[str], str]]:
    """Give a function that sends a line to token_hand.py and returns its answer."""
    with subprocess.Popen(
        [sys.executable, HAND], env=stack.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as hand:

        def ask(line: str) -> str:
            assert hand.stdin is not None
            assert hand.stdout is not None
            print(line, file=hand.stdin, flush=True)
            return hand.stdout.readline().strip()

        yield ask


def prove_revocations(stack: Stack, number: int) -> None:
    """Revoke so many tokens while they are used: no request that begins afterwards is accepted."""
    with hand_of(stack) as ask:
        for _ in range(number):
            token = json.loads(ask(f"create {stack.account}"))
            returned, seen = calls_around(stack, token, lambda token_id: ask(f"revoke {token_id}"))
            late = [status for began, status in seen if began > returned]
            assert set(late) == {401}


def prove_pauses(stack: Stack, number: int) -> int:
    """Pause and resume a token so often while it is used; return the number of calls.

    No request that begins after a pause is accepted, and none that begins after a resume is refused.
    """
    calls = 0
    with hand_of(stack) as ask:
        token = json.loads(ask(f"create {stack.account}"))
        for _ in range(number):
            for verb, before, after in (("pause", 200, 401), ("resume", 401, 200)):
                returned, seen = calls_around(
                    stack, token, lambda token_id, verb=verb: ask(f"{verb} {token_id}"), before=before
                )
                assert {status for began, status in seen if began > returned} == {after}, verb
                calls += len(seen)
    return calls
