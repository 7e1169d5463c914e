"""Calls with a token around the moment at which its revocation returns."""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
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
    stack: Stack, token: dict[str, str], revoke: Callable[[str], object]
) -> tuple[float, list[tuple[float, int]]]:
    """Call with the token from two threads while `revoke` runs; return when it returned, and the calls."""
    callers = [Caller(stack, (token["username"], token["password"])) for _ in range(2)]
    for caller in callers:
        caller.start()
    stack.wait_until(lambda: all(any(status == 200 for _, status in caller.seen) for caller in callers), "accepted")
    revoke(token["id"])
    returned = time.monotonic()
    stack.wait_until(lambda: all(sum(began > returned for began, _ in c.seen) >= 3 for c in callers), "called after")
    for caller in callers:
        caller.done.set()
        caller.join()
    return returned, [seen for caller in callers for seen in caller.seen]


def prove_revocations(stack: Stack, number: int) -> None:
    """Revoke so many tokens while they are used: no request that begins afterwards is accepted."""
    with subprocess.Popen(
        [sys.executable, HAND], env=stack.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as hand:

        def ask(line: str) -> str:
            assert hand.stdin is not None
            assert hand.stdout is not None
            print(line, file=hand.stdin, flush=True)
            return hand.stdout.readline().strip()

        for _ in range(number):
            token = json.loads(ask(f"create {stack.account}"))
            returned, seen = calls_around(stack, token, lambda token_id: ask(f"revoke {token_id}"))
            late = [status for began, status in seen if began > returned]
            assert set(late) == {401}
