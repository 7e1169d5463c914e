"""A history of four gates on one PostgreSQL, and its checker: no answer rests on a state that had been replaced before.

Clients note when each request began and ended; administrators note when each change began and returned. All in one
process, so by one clock.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from gate_database import basic
from simsim.credential.digest import digest
from simsim.credential.password import mint
from stack import Stack

GATES, CLIENTS, TOKENS = 4, 6, 8
START_SECONDS = 30.0
ADD = """
    INSERT INTO tokens_token (id, account_id, name, description, expires_at, allowed_networks, allowlist, digest,
        sealed_password, created_at, created_by_label, revoked_by_label, revocation_reason)
    VALUES (%s, %s, %s, '', now() + interval '1 day', '[]', '', %s, '', now(), '', '', '')
"""
# Each pair tightens and then loosens what a token allows.
CHANGES = (
    ("revoked_at = now()", "revoked_at = NULL"),
    ("expires_at = now()", "expires_at = now() + interval '1 day'"),
    (r"allowlist = '\x04c0000200c00002ff'", "allowlist = ''"),
    ("digest = sha256(digest), previous_digest = NULL", None),
)


@dataclass
class Change:
    began: float
    returned: float
    opens: bool


@dataclass
class History:
    """What happened: each token's changes in their order, and each request's token, begin, end and status."""

    changes: list[list[Change]] = field(default_factory=lambda: [[] for _ in range(TOKENS)])
    requests: list[tuple[int, float, float, int]] = field(default_factory=list)

    def late(self) -> list[tuple[int, float, float, int]]:
        """Return the requests whose answer was right at no moment between their begin and end. 503 is always right."""
        returns = [[change.returned for change in changes] for changes in self.changes]
        return [each for each in self.requests if each[3] != 503 and not self._is_right(returns[each[0]], *each)]

    def _is_right(self, returned: list[float], token: int, began: float, ended: float, status: int) -> bool:
        changes = self.changes[token]
        first = bisect_right(returned, began)
        possible = {changes[first - 1].opens if first else True}
        possible |= {change.opens for change in changes[first:] if change.began <= ended}
        return (status == 204) in possible

    def statuses(self) -> Counter[int]:
        return Counter(status for *_, status in self.requests)


@contextlib.contextmanager
def gates(stack: Stack, directory: Path) -> Iterator[list[tuple[Path, "subprocess.Popen[bytes]"]]]:
    """Run the gates as processes of their own, each on a Unix socket."""
    running: list[tuple[Path, subprocess.Popen[bytes]]] = []
    try:
        for number in range(GATES):
            path = directory / f"gate-{number}.sock"
            options = ["--interface", "rsgi", "--workers", "1", "--loop", "uvloop", "--http", "1", "--no-ws"]
            command = [sys.executable, "-m", "granian", *options, "--log-level", "error", "--uds", str(path)]
            command.append("simsim.config.rsgi:application")
            # In a group of its own: the server has a child that decides.
            running.append((path, subprocess.Popen(command, env=stack.environment, start_new_session=True)))
        deadline = time.monotonic() + START_SECONDS
        while not all(answers(path) for path, _ in running):
            assert time.monotonic() < deadline, "a gate does not start"
            time.sleep(0.05)
        yield running
    finally:
        for _, process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


class Scene:
    """Four gates under load for a while, tokens that change, and faults."""

    def __init__(self, stack: Stack, seconds: float, requests: int) -> None:
        self.url, self.seconds, self.requests = stack.database_url, seconds, requests
        self.history = History()
        self.passwords = [mint() for _ in range(TOKENS)]
        with psycopg.connect(self.url, autocommit=True) as owner:
            ((account,),) = owner.execute("SELECT id FROM accounts_account LIMIT 1").fetchall()
            for number, password in enumerate(self.passwords):
                owner.execute(ADD, (uuid.uuid4(), account, f"Token {number}", digest(password)))
        self.ids = [digest(password) for password in self.passwords]
        self.headers = [basic(password, account) for password in self.passwords]
        self.is_over = False

    def run(self, running: list[tuple[Path, "subprocess.Popen[bytes]"]]) -> History:
        asyncio.run(self._run(running))
        return self.history

    async def _run(self, running: list[tuple[Path, "subprocess.Popen[bytes]"]]) -> None:
        workers = [self._change(token) for token in range(TOKENS)] + [self._break(running)]
        workers += [self._ask(path, chance) for path, _ in running for chance in range(CLIENTS)]
        ended = time.monotonic() + self.seconds

        async def end() -> None:
            while time.monotonic() < ended or len(self.history.requests) < self.requests:
                await asyncio.sleep(0.05)
            self.is_over = True

        async with asyncio.TaskGroup() as group:
            for each in (end(), *workers):
                group.create_task(each)

    async def _ask(self, path: Path, seed: int) -> None:
        chance = random.Random(f"{path}{seed}")
        reader, writer = await asyncio.open_unix_connection(str(path))
        while not self.is_over:
            token = chance.randrange(TOKENS)
            began = time.monotonic()
            writer.write(
                b"GET /gate/verify HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\nAuthorization: "
                + self.headers[token] + b"\r\n\r\n"
            )  # fmt: skip
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), 0
            )
            await reader.readexactly(length)
            self.history.requests.append((token, began, time.monotonic(), int(head[9:12])))
        writer.close()

    async def _change(self, token: int) -> None:
        chance = random.Random(token)
        connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
        async with connection:
            while not self.is_over:
                tighten, loosen = CHANGES[chance.randrange(len(CHANGES))]
                for change, opens in ((tighten, False), (loosen, True)):
                    statement = f"UPDATE tokens_token SET {change} WHERE digest = %s"
                    if change is None:  # a rotated password comes back
                        statement = "UPDATE tokens_token SET digest = %s WHERE digest = sha256(%s)"
                    values = (self.ids[token],) * statement.count("%s")
                    began = time.monotonic()
                    await connection.execute(statement.encode(), values)
                    self.history.changes[token].append(Change(began, time.monotonic(), opens))
                    await asyncio.sleep(chance.uniform(0, 0.1))

    async def _break(self, running: list[tuple[Path, "subprocess.Popen[bytes]"]]) -> None:
        """Cut the gates' connections, and freeze a gate now and then for a moment."""
        connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True)
        chance = random.Random(1)
        async with connection:
            while not self.is_over:
                await asyncio.sleep(chance.uniform(0.2, 0.6))
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'simsim gate'"
                    " AND datname = current_database() AND random() < 0.5"
                )
                _, process = chance.choice(running)
                os.killpg(process.pid, signal.SIGSTOP)
                await asyncio.sleep(0.05)
                os.killpg(process.pid, signal.SIGCONT)


def prove_history(stack: Stack, directory: Path, *, seconds: float, requests: int) -> History:
    """Run the scene for so long and for so many requests; fail if one answer is late. Return the history."""
    scene = Scene(stack, seconds, requests)
    with gates(stack, directory) as running:
        history = scene.run(running)
    late = history.late()
    assert not late, f"{len(late)} of {len(history.requests)} answers are late: {late[:3]}"
    return history
