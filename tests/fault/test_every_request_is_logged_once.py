"""Ten thousand real requests, the worker killed ten times meanwhile: ten thousand rows."""

import http.client
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from settings_for_tests import ON_POSTGRESQL
from stack import Stack, basic, running

REQUESTS, CONNECTIONS, KILLS = 10_000, 32, 10


@pytest.mark.timeout(600)
@pytest.mark.covers("R17", "B11")
def test_ten_thousand_requests_are_ten_thousand_rows_though_the_worker_is_killed_ten_times(tmp_path: Path) -> None:
    with running(tmp_path, on_postgresql=ON_POSTGRESQL) as stack:
        token = stack.create_token("Load")
        headers = basic((token["username"], token["password"]))
        before = stack.count_log()
        clients = [threading.Thread(target=call, args=(stack, headers, number)) for number in range(CONNECTIONS)]
        for client in clients:
            client.start()
        kills = kill_the_worker(stack, clients)
        for client in clients:
            client.join()
        stack.wait_until(lambda: stack.count_log() - before >= REQUESTS, "every row", seconds=120)
        time.sleep(1)
        rows = stack.log_rows()
        assert len(rows) - before == REQUESTS
        assert kills == KILLS
        assert Counter(row["outcome"] for row in rows[:REQUESTS]) == {"accepted": REQUESTS}
        assert len({row["resource"] for row in rows[:REQUESTS]}) == REQUESTS
        assert all(row["duration_seconds"] is not None for row in rows[:REQUESTS])


def call(stack: Stack, headers: dict[str, str], number: int) -> None:
    """Send this connection's share of the requests, each to a resource of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.gateway_port, timeout=30)
    for index in range(number, REQUESTS, CONNECTIONS):
        connection.request("GET", f"/status/200/{index}", headers=headers)
        connection.getresponse().read()
    connection.close()


def kill_the_worker(stack: Stack, clients: list[threading.Thread]) -> int:
    """Kill and restart the worker at ten random moments; return how many kills hit a living one."""
    moments, kills = random.Random(), 0
    for _ in range(KILLS):
        time.sleep(moments.uniform(0.2, 1.6))
        worker = stack.processes["worker"]
        if worker.poll() is None:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            kills += 1
        stack.start_worker()
    return kills
