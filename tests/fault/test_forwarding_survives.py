"""Workers are killed while they send, and receivers die and come back: every event arrives."""

import contextlib
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from own_installation import DJANGO, environment_of, own_database
from postgresql_server import free_port
from receivers import SECRET, Syslog, Webhook, syslog, webhook
from request_lines import SpoolOfTests
from settings_for_tests import ON_POSTGRESQL
from smtp_server import serving
from stack import Stack

HERE = Path(__file__).parent
REQUESTS, KILLS = 600, 8
FACTOR = 120.0  # a lease of two minutes is one second then
# The audit trail begins with events of its own, and a kill would meet these.
ONLY_THE_LOG = {"SIMSIM_FORWARD_WHAT": "log"}


class Installation:
    """A data directory and a database of its own, whose log is forwarded."""

    def __init__(self, directory: Path, forward: dict[str, str]) -> None:
        self.directory, self.spool = directory, directory / "spool"
        self.spool.mkdir()
        self.url = own_database("forward", on_postgresql=ON_POSTGRESQL)
        self.environment = environment_of(directory, self.url) | DJANGO | forward
        subprocess.run(
            [Path(sys.executable).with_name("simsim"), "migrate"],
            env=self.environment, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        self.began = time.time()
        self.worker: subprocess.Popen[bytes] | None = None

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        if ON_POSTGRESQL:
            with psycopg.connect(self.url) as connection:
                return connection.execute(sql.encode()).fetchall()
        with contextlib.closing(sqlite3.connect(self.directory / "request_log.sqlite3", timeout=10)) as connection:
            return connection.execute(sql).fetchall()

    def start_worker(self) -> None:
        command: list[str | Path] = [
            sys.executable,
            HERE / "forwarding_process.py",
            self.spool,
            str(self.began),
            str(FACTOR),
        ]
        with (self.directory / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=log)
        assert self.worker.stdout
        assert self.worker.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """Kill the worker in the middle of its work."""
        if self.worker is not None:
            self.worker.kill()

    def bury(self) -> None:
        if self.worker is not None:
            self.worker.communicate()

    def wait_for(self, sql: str, expected: int, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while (found := self.query(sql)[0][0]) != expected:
            log = (self.directory / "worker.log").read_text()[-2000:]
            assert time.monotonic() < deadline, f"{found} and not {expected}: {sql}\n{log}"
            time.sleep(0.1)


@contextlib.contextmanager
def traffic(spool: Path, now: datetime) -> Iterator[Iterator[None]]:
    """Yield what writes another part of the requests each time, some of which end later, some never."""
    files = SpoolOfTests(spool)
    share = REQUESTS // (KILLS + 2)

    def write() -> Iterator[None]:
        for first in range(0, REQUESTS, share):
            for number in range(first, min(first + share, REQUESTS)):
                files.decide(number, at=now + timedelta(milliseconds=number))
                if number >= share:
                    files.complete(number - share)
            yield

    try:
        yield write()
    finally:
        files.close()


def prove_all_arrived(installation: Installation, box: Webhook | Syslog) -> None:
    installation.wait_for("SELECT count(*) FROM request_log_loggedrequest", REQUESTS)
    installation.wait_for("SELECT count(*) FROM request_log_shipment", 0)
    # As the guide says: what a killed worker had under way may come after what the next one sent.
    last = {event["id"]: event for event in sorted(box.events, key=lambda event: event["duration_seconds"] is not None)}
    rows = installation.query("SELECT id, outcome, status FROM request_log_loggedrequest")
    assert {(str(row_id), outcome, status) for row_id, outcome, status in rows} == {
        (event["id"], event["outcome"], event["status"]) for event in last.values()
    }
    assert Counter(row[1] for row in rows)["accepted"] > REQUESTS / 2


@pytest.mark.covers("R17", "B11")
def test_worker_killed_between_sending_and_hearing_the_answer_loses_nothing(tmp_path: Path, now: datetime) -> None:
    port, box = free_port(), Webhook()
    installation = Installation(
        tmp_path,
        {"SIMSIM_FORWARD_URL": f"http://127.0.0.1:{port}/hook", "SIMSIM_FORWARD_SECRET": SECRET} | ONLY_THE_LOG,
    )
    killed: list[int] = []

    def strike() -> None:
        if len(killed) < KILLS:
            killed.append(len(box.messages))
            installation.kill()

    box.before_answer = strike
    with traffic(installation.spool, now) as parts:
        try:
            for nth, _ in enumerate(parts):
                with webhook(port, box):
                    if installation.worker is None or len(killed) >= nth:
                        installation.start_worker()
                    if nth < KILLS:
                        assert installation.worker
                        installation.worker.wait(timeout=30)
                        installation.bury()
                # The receiver is away here, while the next requests come.
            with webhook(port, box):
                prove_all_arrived(installation, box)
        finally:
            installation.kill()
            installation.bury()
    assert len(killed) == KILLS
    assert len(box.ids()) > len(set(box.ids())), "what was sent and not acknowledged came again"
    first_of_a_kill = [box.messages[place - 1] for place in killed]
    assert len({message_id for message_id, _ in first_of_a_kill}) == KILLS


@pytest.mark.covers("R17", "B11")
def test_syslog_receiver_and_worker_that_die_at_any_time_lose_nothing(tmp_path: Path, now: datetime) -> None:
    port, box = free_port(), Syslog()
    installation = Installation(tmp_path, {"SIMSIM_FORWARD_URL": f"syslog://127.0.0.1:{port}"} | ONLY_THE_LOG)
    with traffic(installation.spool, now) as parts:
        try:
            for nth, _ in enumerate(parts):  # the receiver is new each time, and each third one can't read
                box.dies = nth % 3 == 1
                with syslog(port, box):
                    installation.start_worker()
                    time.sleep(random.uniform(0, 0.3))
                    installation.kill()
                    installation.bury()
            box.dies = False
            with syslog(port, box):
                installation.start_worker()
                prove_all_arrived(installation, box)
        finally:
            installation.kill()
            installation.bury()


class ForwardingStack(Stack):
    forward_port = mail_port = 0

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "SIMSIM_FORWARD_URL": f"http://127.0.0.1:{self.forward_port}/hook", "SIMSIM_FORWARD_SECRET": SECRET,
            "SIMSIM_EMAIL_URL": f"smtp://127.0.0.1:{self.mail_port}",
        }  # fmt: skip


@pytest.mark.timeout(600)
@pytest.mark.covers("R17", "B6")
def test_everything_that_happens_is_forwarded_and_no_password_is(tmp_path: Path) -> None:
    stack = ForwardingStack(tmp_path, ON_POSTGRESQL, is_settled_anew=True)  # that is forwarded too
    stack.forward_port, stack.mail_port = free_port(), free_port()
    with webhook(stack.forward_port) as box, serving(stack.mail_port):
        try:
            stack.start()
            token = stack.create_token("Planted")
            planted, account = token["password"], token["username"]
            rotated = stack.simsim("token", "rotate", token["id"], "--as", "alice@acme.example", "--overlap", "1h")
            for path in ("/api/v2/entities", f"/by-path/{planted}", f"/api/v2/entities?password={planted}"):
                assert stack.get(path, auth=(account, planted)).status in {200, 404}
            stack.get("/swapped", auth=(planted, account))
            stack.revoke(token["id"])
            stack.wait_until(lambda: len(stack.log_rows()) >= 3, "the log is shipped")
            expected = {row["id"] for row in stack.log_rows()}
            stack.wait_until(lambda: expected <= set(box.ids()), "the log is forwarded")
            stack.wait_until(
                lambda: "token.revoked" in {event.get("event") for event in box.events}, "the audit trail is forwarded"
            )
            (doctor,) = (part for part in stack.simsim("doctor")["items"] if part["subject"] == "forwarding")
        finally:
            stack.stop()
    audited = [event["event"] for event in box.events if event["kind"] == "audit"]
    assert {"account.created", "token.created", "token.rotated", "token.revoked"} <= set(audited)
    assert {event["account_id"] for event in box.events} >= {stack.account, stack.other_account}
    assert doctor["ok"], doctor
    for secret in (planted, rotated["password"], SECRET):
        assert secret.encode() not in b"".join(box.raw)
        assert not [log.name for log in tmp_path.glob("*.log") if secret in log.read_text()]
