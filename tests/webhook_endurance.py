"""Webhooks to a receiver that fails, hangs and dies, while workers are killed: what arrived, and what was lost."""

import contextlib
import json
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

import preloaded
from own_installation import DJANGO, environment_of, own_database
from postgresql_server import free_port
from webhook_receiver import Unreliable, own_certificate, receiving

PROCESS = Path(__file__).parent / "fault/webhook_process.py"
PASSWORD = "open sesame, said Alice"
# A lease of two minutes is two seconds then. Two days, after which an event is given up, are 48 minutes: a run must be
# shorter.
FACTOR, THREADS, HANG_SECONDS, ATTEMPT_SECONDS = 60.0, 4, 0.6, 0.4
QUEUE = """
import sys
import uuid
import django
django.setup()
from django.utils import timezone
from simsim.accounts.models import Account
from simsim.webhooks import occurrences
from simsim.webhooks.event_types import EventType
account, count = uuid.UUID(sys.argv[1]), int(sys.argv[2])
from django.db import transaction
for first in range(0, count, 500):
    with transaction.atomic():
        occurrences.owe(
            [
                occurrences.Occurrence(EventType.TOKEN_CREATED, account, {"number": number})
                for number in range(first, min(first + 500, count))
            ],
            now=timezone.now(),
        )
"""


class Endurance:
    """An installation of its own with one webhook of one account, its workers, and its receiver."""

    def __init__(self, directory: Path, *, on_postgresql: bool, factor: float = FACTOR) -> None:
        self.directory, self.port = directory, free_port()
        self.on_postgresql, self.factor = on_postgresql, factor
        self.url = own_database("webhooks", on_postgresql=on_postgresql)
        self.certificate = own_certificate(directory)
        settings = {"SIMSIM_WEBHOOK_ALLOW_NETWORKS": "127.0.0.1", "SIMSIM_WEBHOOK_CA": str(self.certificate[0])}
        self.environment = environment_of(directory / "data", self.url) | DJANGO | settings
        self.workers: list[subprocess.Popen[bytes]] = []
        self.receiver = Unreliable(HANG_SECONDS)
        self.receiver.is_any_time = True
        self.began = time.time()
        preloaded.run(["migrate"], env=self.environment, timeout=120).check_returncode()
        account = self.simsim("account", "create", "Acme")["id"]
        self.simsim(
            "user", "create", "alice@acme.example", "--account", account, "--role", "administrator",
            "--password-stdin", stdin=PASSWORD + "\n",
        )  # fmt: skip
        added = self.simsim(
            "webhook", "add", "--account", account, "--as", "alice@acme.example", "--name", "Tickets", "--url",
            f"https://127.0.0.1:{self.port}/", "--event", "token.created",
        )  # fmt: skip
        self.account, self.receiver.secrets = account, [added["secret"]]

    def simsim(self, *arguments: str, stdin: str = "") -> Any:
        done = preloaded.run([*arguments, "--json"], env=self.environment, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def owe(self, count: int) -> None:
        """Owe that many events, as actions do."""
        command = [sys.executable, "-c", QUEUE, self.account, str(count)]
        subprocess.run(command, env=self.environment, check=True, timeout=240)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        if self.on_postgresql:
            with psycopg.connect(self.url) as connection:
                return connection.execute(sql.encode()).fetchall()
        with contextlib.closing(sqlite3.connect(self.directory / "data/simsim.sqlite3", timeout=10)) as connection:
            return connection.execute(sql).fetchall()

    def start_worker(self) -> None:
        command: list[str | Path] = [
            sys.executable, PROCESS, str(self.began), str(self.factor), str(THREADS), str(ATTEMPT_SECONDS)
        ]  # fmt: skip
        with (self.directory / "worker.log").open("ab") as log:
            worker = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=log)
        assert worker.stdout
        assert worker.stdout.readline() == b"ready\n"
        self.workers.append(worker)

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        self.workers.remove(worker)
        worker.kill()
        worker.communicate()

    def stop(self) -> None:
        for worker in list(self.workers):
            self.kill(worker)

    def waiting(self) -> int:
        sql = "SELECT count(*) FROM webhooks_webhookdelivery WHERE delivered_at IS NULL AND given_up_at IS NULL"
        return int(self.query(sql)[0][0])

    def endure(self, *, workers: int, kills: int, receiver_deaths: int, seconds: float) -> None:
        """Run workers until nothing waits; kill a worker and the receiver now and then."""
        chance, deadline = random.Random(11), time.monotonic() + seconds
        deaths = receiver_deaths
        for _ in range(workers):
            self.start_worker()
        while True:
            with receiving(self.port, self.receiver, self.certificate):
                until = time.monotonic() + chance.uniform(0.5, 1.5) if deaths else deadline
                while (left := self.waiting()) and time.monotonic() < min(until, deadline):
                    time.sleep(chance.uniform(0.1, 0.4))
                    if kills:
                        kills -= 1
                        self.kill(chance.choice(self.workers))
                        self.start_worker()
            assert time.monotonic() < deadline, f"{left} still wait"
            if not left:
                assert not deaths, "the receiver was to die more often"
                return
            deaths -= 1
            time.sleep(0.3)

    def prove_none_lost(self, count: int) -> None:
        """Each event arrived at least once, verified, and each repeat has the id of the first."""
        rows = self.query("SELECT message_id, delivered_at IS NOT NULL, attempts FROM webhooks_webhookdelivery")
        assert len(rows) == count
        assert all(is_delivered for _, is_delivered, _ in rows)
        assert set(self.receiver.taken) == {message_id for message_id, _, _ in rows}
        numbers = [document["data"]["number"] for document in self.receiver.documents]
        assert set(numbers) == set(range(count))
        told = {(document["id"], document["data"]["number"]) for document in self.receiver.documents}
        assert len(told) == count, "an event came with two ids"
        assert not self.receiver.forged
