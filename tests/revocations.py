"""Calls with a token around the moment at which its revocation, pause, resume, or change of limits or rates returns."""

import http.client
import json
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stack import Stack, basic

HAND = Path(__file__).with_name("token_hand.py")
SETTLED_SECONDS = 0.1


class Caller(threading.Thread):
    """Calls the API repeatedly over one connection, and notes when each request began and its status."""

    def __init__(self, stack: Stack, auth: tuple[str, str]) -> None:
        super().__init__(daemon=True)
        self.port, self.headers = stack.gateway_port, basic(auth)
        self.seen: list[tuple[float, int]] = []
        self.ended: list[float] = []
        self.done = threading.Event()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.done.is_set():
            began = time.monotonic()
            connection.request("GET", "/status/200", headers=self.headers)
            answer = connection.getresponse()
            answer.read()
            self.ended.append(time.monotonic())
            self.seen.append((began, answer.status))
        connection.close()


def calls_around(
    stack: Stack, token: dict[str, str], change: Callable[[str], object]
) -> tuple[float, list[tuple[float, int]]]:
    """Call with the token from two threads while `change` runs; return when it returned, and the calls."""
    callers = [Caller(stack, (token["username"], token["password"])) for _ in range(2)]
    for caller in callers:
        caller.start()
    stack.wait_until(lambda: all(any(status == 200 for _, status in caller.seen) for caller in callers), "accepted")
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


PAUSES = (("pause", 401), ("resume", 200))
LIMITS = (("narrow", 403), ("widen", 200))
# More than one request has been counted when the quota is lowered for the first time.
RATES = (("raise", 200), ("lower", 429))


def prove_changes(stack: Stack, calls: int, verbs: Sequence[tuple[str, int]]) -> int:
    """Change a token by the verbs, again and again, while it is used so often; return the number of judged calls.

    Each verb comes with the status of every call that begins after it. A call that is answered after the next change
    was asked for proves nothing, so it is not judged.
    """
    changes: list[tuple[float, float, int]] = []
    with hand_of(stack) as ask:
        token = json.loads(ask(f"create {stack.account}"))
        callers = [Caller(stack, (token["username"], token["password"])) for _ in range(2)]
        for caller in callers:
            caller.start()
        while sum(len(caller.seen) for caller in callers) < calls:
            assert all(caller.is_alive() for caller in callers)
            for verb, status in verbs:
                asked = time.monotonic()
                ask(f"{verb} {token['id']}")
                changes.append((asked, time.monotonic(), status))
                time.sleep(SETTLED_SECONDS)
        for caller in callers:
            caller.done.set()
            caller.join()
    return sum(judged(caller, changes) for caller in callers)


def judged(caller: Caller, changes: list[tuple[float, float, int]]) -> int:
    """Return the number of judged calls, and fail for one with another status than the change before it wants.

    `changes` has when each change was asked for, when it returned, and the status from then on.
    """
    number, returns = 0, [returned for _, returned, _ in changes]
    for (began, status), ended in zip(caller.seen, caller.ended, strict=True):
        latest = bisect_left(returns, began) - 1
        if latest < 0 or (latest + 1 < len(changes) and ended >= changes[latest + 1][0]):
            continue
        assert status == changes[latest][2]
        number += 1
    return number
