"""A flood of failed attempts on a gate's socket, from many addresses, beside a caller with a valid token.

    python failed_attempts.py SOCKET ACCOUNT ATTEMPTS ADDRESSES CONNECTIONS

prints how many attempts got each status.
"""

import asyncio
import base64
import contextlib
import json
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from simsim.credential.password import mint
from stack import BIN, Stack, settled

PASSWORDS, ACCOUNTS = 500, 1000
WARMUP = 2000
CALLER = "203.0.113.7"
# About two hundred requests a second: a busy caller, who keeps a processor free.
PAUSE_SECONDS = 0.005


class Attacker(asyncio.Protocol):
    """One connection, which sends its next attempt as soon as the last one is answered."""

    def __init__(self, attempts: Iterator[bytes], statuses: Counter[str], done: asyncio.Future[None]) -> None:
        self.attempts, self.statuses, self.done = attempts, statuses, done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.attack()

    def data_received(self, data: bytes) -> None:
        self.statuses[data[9:12].decode()] += 1
        self.attack()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def attack(self) -> None:
        attempt = next(self.attempts, None)
        if attempt is None:
            self.transport.close()
        else:
            self.transport.write(attempt)


def attempts_of(account: str, number: int, addresses: int) -> Iterator[bytes]:
    """Yield that many attempts, evenly from the addresses; a third of them claims the account."""
    drawn = random.Random(number)
    passwords = [mint() for _ in range(PASSWORDS)]
    claims = [str(uuid.UUID(int=drawn.getrandbits(128))) for _ in range(ACCOUNTS)]
    for each in range(number):
        claim = account if each % 3 == 0 else drawn.choice(claims)
        pair = base64.b64encode(f"{claim}:{drawn.choice(passwords)}".encode()).decode()
        at = each % addresses
        address = f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}"
        # HEAD, as our nginx asks.
        yield (
            f"HEAD /gate/verify HTTP/1.1\r\nHost: simsim\r\nAuthorization: Basic {pair}\r\n"
            f"X-Request-Id: {each:032x}\r\nX-Forwarded-For: {address}\r\nX-Forwarded-Uri: /a\r\n\r\n"
        ).encode()


async def attack(path: str, account: str, number: int, addresses: int, connections: int) -> Counter[str]:
    loop, statuses = asyncio.get_running_loop(), Counter[str]()
    attempts = attempts_of(account, number, addresses)
    ends = [loop.create_future() for _ in range(connections)]
    for end in ends:
        await loop.create_unix_connection(lambda end=end: Attacker(attempts, statuses, end), path)  # type: ignore[misc]
    await asyncio.gather(*ends)
    return statuses


class Caller(threading.Thread):
    """A caller with a valid token, who notes how long each answer takes until it is told to stop."""

    def __init__(self, path: Path, token: dict[str, Any], address: str = CALLER) -> None:
        super().__init__(daemon=True)
        pair = base64.b64encode(f"{token['username']}:{token['password']}".encode()).decode()
        self.asked = (
            f"HEAD /gate/verify HTTP/1.1\r\nHost: simsim\r\nAuthorization: Basic {pair}\r\n"
            f"X-Request-Id: {'c' * 32}\r\nX-Forwarded-For: {address}\r\n\r\n"
        ).encode()
        self.path, self.is_done = path, threading.Event()
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []

    def run(self) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.path))
            while not self.is_done.is_set():
                began = time.perf_counter()
                connection.sendall(self.asked)
                self.statuses[connection.recv(65536)[9:12].decode()] += 1
                self.seconds.append(time.perf_counter() - began)
                time.sleep(PAUSE_SECONDS)

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        self.start()
        try:
            yield
        finally:
            self.is_done.set()
            self.join(30)

    def percentile(self, share: float) -> float:
        return sorted(self.seconds)[int(share * len(self.seconds))]


@dataclass
class Outcome:
    """What a flood did: the attempts by status, the caller before and during it, and what grew by how many bytes.

    `database_bytes` are without `caller_bytes`, by which the caller's own requests made the database grow.
    """

    attempts: Counter[str]
    seconds: float
    quiet: Caller
    flooded: Caller
    memory_bytes: int = 0
    spool_bytes: int = 0
    database_bytes: int = 0
    caller_bytes: int = 0
    rows: int = 0
    counted: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)


def flood(stack: Stack, *, attempts: int, addresses: int, connections: int, quiet_seconds: float) -> Outcome:
    """Start the product without its gateway, flood its gate, and return what happened once the log has everything."""
    stack.copy(settled(stack.on_postgresql))
    stack.spawn("serve", BIN / "simsim", "serve", "--port", str(stack.console_port), "--json")
    stack.wait_until(lambda: (stack.directory / "serve.log").read_text().endswith("}\n"), "everything answers")
    path, token = stack.data / "run" / "gate.sock", stack.create_token("Of the caller")
    gates = gate_processes(stack.processes["serve"].pid)
    command = [sys.executable, __file__, str(path), stack.account]
    # The first requests load what a gate needs.
    subprocess.run([*command, str(WARMUP), "200", str(connections)], check=True, capture_output=True)
    quiet, flooded = Caller(path, token), Caller(path, token, address="10.0.0.0")  # an address that also attacks
    before = database_bytes(stack)
    with quiet.calling():
        time.sleep(quiet_seconds)
    wait_for_rows(stack, len(quiet.seconds))
    memory, size = sum(map(resident_bytes, gates)), database_bytes(stack)
    spool_peak, began = 0, time.monotonic()
    with flooded.calling():
        amounts = (str(attempts), str(addresses), str(connections))
        with subprocess.Popen([*command, *amounts], stdout=subprocess.PIPE) as process:
            while process.poll() is None:
                time.sleep(0.2)
                spool_peak = max(spool_peak, spool_bytes(stack))
            assert process.stdout is not None
            statuses = Counter[str](json.loads(process.stdout.read()))
    seconds = time.monotonic() - began
    outcome = Outcome(statuses, seconds, quiet, flooded, memory_bytes=sum(map(resident_bytes, gates)) - memory)
    wanted = attempts + WARMUP
    stack.wait_until(lambda: sum(logged(stack)) == wanted, f"{wanted} refusals are logged or counted", 120)
    wait_for_rows(stack, len(quiet.seconds) + len(flooded.seconds))
    outcome.caller_bytes = (size - before) * len(flooded.seconds) // len(quiet.seconds)
    outcome.spool_bytes, outcome.database_bytes = spool_peak, database_bytes(stack) - size - outcome.caller_bytes
    outcome.rows, outcome.counted = logged(stack)
    return outcome


def wait_for_rows(stack: Stack, number: int) -> None:
    """Wait until the log has the caller's requests."""
    statement = "SELECT count(*) FROM request_log_loggedrequest WHERE outcome <> 'refused'"
    stack.wait_until(lambda: query(stack, statement) >= number, f"{number} requests that were let in are logged", 120)


def logged(stack: Stack) -> tuple[int, int]:
    """Return how many refusals have a row in the log, and how many are counted."""
    return (
        query(stack, "SELECT count(*) FROM request_log_loggedrequest WHERE outcome = 'refused'"),
        query(stack, "SELECT coalesce(sum(counted), 0) FROM request_log_flood"),
    )


def query(stack: Stack, statement: str) -> int:
    if stack.on_postgresql:
        with psycopg.connect(stack.database_url) as connection:
            return int(connection.execute(statement.encode()).fetchall()[0][0])
    with contextlib.closing(sqlite3.connect(stack.data / "request_log.sqlite3", timeout=20)) as connection:
        return int(connection.execute(statement).fetchone()[0])


def database_bytes(stack: Stack) -> int:
    if stack.on_postgresql:
        return query(stack, "SELECT pg_database_size(current_database())")
    return query(stack, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")


def spool_bytes(stack: Stack) -> int:
    return sum(path.stat().st_size for path in (stack.data / "spool").glob("gate-*.jsonl") if path.exists())


def gate_processes(serve: int) -> list[int]:
    """Return the processes below the server of the gate's socket."""
    (server,) = [pid for pid in children(serve) if b"gate.sock" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return [server, *children(server)]


def children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in threads for child in path.read_text().split()]


def resident_bytes(pid: int) -> int:
    (line,) = [each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[3:6]]
    print(json.dumps(asyncio.run(attack(sys.argv[1], sys.argv[2], numbers[0], numbers[1], numbers[2]))))
