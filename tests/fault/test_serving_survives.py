"""Processes of the gate and the console are killed and reloaded under load: no request fails."""

import http.client
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from processes import children, wait_for
from simsim.health.probes import port_status
from stack import BIN, Stack, basic, running

pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]
CLIENTS = 24
GATE = "gate.sock"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("serving"), on_postgresql=False) as stack:
        yield stack


@contextmanager
def load(port: int, path: str, headers: dict[str, str], *, is_kept: bool) -> Iterator[Counter[str]]:
    """Have clients send requests without pause, on open or new connections, and count the answers."""
    counts: Counter[str] = Counter()
    stop = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        while not stop.is_set():
            try:
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                answer.read()
                counts[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                counts[type(error).__name__] += 1
            if not is_kept:
                connection.close()
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def processes_of(stack: Stack, what: str) -> list[int]:
    """Return the processes that answer for the gate or the console: those below their servers."""
    return [each for pid in children(stack.processes["serve"].pid) if what in command(pid) for each in children(pid)]


def command(pid: int) -> str:
    """Return what a process was started with, "" for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.mark.covers("B11", "R17")
def test_no_request_fails_when_a_process_of_the_gate_is_killed(stack: Stack) -> None:
    token = stack.create_token("Load")
    headers = basic((token["username"], token["password"]))
    with load(stack.gateway_port, "/api/v2/entities", headers, is_kept=True) as counts:
        for _ in range(3):
            before = processes_of(stack, GATE)
            os.kill(before[0], signal.SIGKILL)
            wait_for(lambda before=before: is_replaced(before, processes_of(stack, GATE), left=1), 40)  # type: ignore[misc]
            time.sleep(0.5)
    assert set(counts) == {"200"}, counts
    assert counts["200"] > 200


@pytest.mark.covers("B11")
def test_no_request_is_refused_while_serve_reloads(stack: Stack) -> None:
    token = stack.create_token("Reload")
    headers = basic((token["username"], token["password"]))
    console = f"--port {stack.console_port}"
    gates, consoles = processes_of(stack, GATE), processes_of(stack, console)
    with (
        load(stack.gateway_port, "/api/v2/entities", headers, is_kept=True) as through_gateway,
        load(stack.console_port, "/healthz", {}, is_kept=False) as on_console,
    ):
        stack.processes["serve"].send_signal(signal.SIGHUP)
        wait_for(lambda: is_replaced(gates, processes_of(stack, GATE), left=0), 40)
        wait_for(lambda: is_replaced(consoles, processes_of(stack, console), left=0), 40)
        time.sleep(0.5)
    assert set(through_gateway) == {"200"}, through_gateway
    assert set(on_console) == {"200"}, on_console


def test_console_that_is_killed_keeps_its_callers_waiting_and_refuses_none(stack: Stack) -> None:
    (before,) = processes_of(stack, f"--port {stack.console_port}")
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: command(before) == "", 40)
    # Before another process has started: its server listens all the while.
    assert port_status("127.0.0.1", stack.console_port, "/healthz", timeout_seconds=20) == 200


@pytest.mark.covers("B11")
def test_doctor_asks_the_gateway_at_its_own_address(stack: Stack) -> None:
    def gateway() -> dict[str, Any]:
        command = (str(BIN / "simsim"), "doctor", "--json")
        said = subprocess.run(command, env=stack.environment, capture_output=True, check=False, timeout=60).stdout
        return next(item for item in json.loads(said)["items"] if item["subject"] == "gateway")

    assert gateway()["detail"].startswith(f"answers on 127.0.0.1:{stack.gateway_port}; ")
    process = stack.processes["gateway"]
    process.terminate()
    process.wait(20)
    stopped = gateway()
    assert not stopped["ok"]
    assert stopped["detail"].startswith(f"nothing answers on 127.0.0.1:{stack.gateway_port}: start simsim gateway")


def is_replaced(before: list[int], now: list[int], *, left: int) -> bool:
    """Whether there are as many processes as before, and only so many of the former ones."""
    return len(now) == len(before) and len(set(now) & set(before)) == left
