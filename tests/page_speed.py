"""The processor time of a page, which does not depend on what else the machine does."""

import os
import time
from pathlib import Path

from django.db import connection, connections
from django.test import Client

MAX_SECONDS = 0.25
TRIES = 5


def quickest_seconds(client: Client, address: str, **posted: str) -> float:
    """Return the best of a few times, including the work of the database; with a form, by POST."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # The work of parallel workers would not be seen.
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
    return min(seconds(client, address, posted) for _ in range(TRIES))


def seconds(client: Client, address: str, posted: dict[str, str]) -> float:
    began = busy_seconds()
    answer = client.post(address, posted) if posted else client.get(address)
    assert answer.status_code == 200
    return busy_seconds() - began


def busy_seconds() -> float:
    """Return how long this process has kept a processor busy, and each process of PostgreSQL that works for it."""
    servers = {
        each.connection.info.backend_pid
        for each in connections.all(initialized_only=True)
        if each.vendor == "postgresql" and each.connection
    }
    return time.process_time() + sum(ticks(pid) for pid in servers) / os.sysconf("SC_CLK_TCK")


def ticks(pid: int) -> int:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)
