"""Workers are killed, and mail servers refuse, hang or fall silent: every notice arrives, and no page waits."""

import contextlib
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test import Client

from cast import Cast
from own_installation import DJANGO, environment_of, own_database
from postgresql_server import free_port
from receivers import dripping
from settings_for_tests import ON_POSTGRESQL
from simsim.accounts.actions import add_user
from simsim.mail import outbox, transport
from simsim.mail.delivery_status import DeliveryState, state_of
from simsim.mail.models import OwedMail
from simsim.tokens.actions import create_token
from smtp_server import serving

HERE = Path(__file__).parent
NOTICES, CREATORS, KILLS = 1000, 50, 20
FACTOR = 60.0  # a lease of five minutes is five seconds then
MINUTE = timedelta(minutes=1)


class Installation:
    """A database of its own with a thousand tokens that expire in two days, and the workers on it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.url = own_database("mails", on_postgresql=ON_POSTGRESQL)
        mail = {"SIMSIM_EMAIL_URL": f"smtp://127.0.0.1:{port}"}
        self.environment = environment_of(directory, self.url) | DJANGO | mail
        self.began = time.time()
        subprocess.run(
            [Path(sys.executable).with_name("simsim"), "migrate"],
            env=self.environment, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        self.run(
            "INSERT INTO accounts_account (id, name, created_at) VALUES ({}, 'Acme', {})", uuid.uuid4(), at(self.began)
        )
        ((account,),) = self.query("SELECT id FROM accounts_account")
        self.fill(account)

    def fill(self, account: Any) -> None:
        created, expires = at(self.began - 80 * 86400), at(self.began + 2 * 86400)
        for nth in range(CREATORS):
            self.run(
                "INSERT INTO accounts_user (id, password, email, is_active, created_at) VALUES ({}, '!', {}, {}, {})",
                nth + 1, f"u{nth}@acme.example", True, created,
            )  # fmt: skip
            self.run(
                "INSERT INTO accounts_membership (account_id, user_id, role, created_at) VALUES ({}, {}, {}, {})",
                account, nth + 1, "administrator", created,
            )  # fmt: skip
        tokens = (
            (uuid.uuid4(), account, f"T{nth}", expires, False, b"", nth.to_bytes(32), b"", created, nth % CREATORS + 1)
            for nth in range(NOTICES)
        )
        self.run(
            "INSERT INTO tokens_token (id, account_id, name, description, expires_at, allowed_networks, report_only,"
            " allowlist, digest, sealed_password, created_at, created_by_id, created_by_label, revoked_by_label,"
            " revocation_reason) VALUES ({}, {}, {}, '', {}, '[]', {}, {}, {}, {}, {}, {}, 'u', '', '')",
            *tokens,
            many=True,
        )  # fmt: skip

    def run(self, sql: str, *values: Any, many: bool = False) -> None:
        rows = list(values) if many else [values]
        if ON_POSTGRESQL:
            with psycopg.connect(self.url) as postgresql, postgresql.cursor() as cursor:
                cursor.executemany(sql.replace("{}", "%s").encode(), rows)
            return
        plain = [[value.hex if isinstance(value, uuid.UUID) else value for value in row] for row in rows]
        with contextlib.closing(sqlite3.connect(self.directory / "simsim.sqlite3")) as connection, connection:
            connection.executemany(sql.replace("{}", "?"), plain)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        if ON_POSTGRESQL:
            with psycopg.connect(self.url) as connection:
                return connection.execute(sql.encode()).fetchall()
        with contextlib.closing(sqlite3.connect(self.directory / "simsim.sqlite3", timeout=10)) as connection:
            return connection.execute(sql).fetchall()

    @contextlib.contextmanager
    def worker_maker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Start the process that starts workers."""
        # Its clock begins a minute after the notices have become due.
        clock = [str(self.began), str(self.began + 60), str(FACTOR)]
        command: list[str | Path] = [sys.executable, HERE / "mailing_process.py", *clock]
        with (self.directory / "workers.log").open("ab") as log:
            maker = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        try:
            yield maker
        finally:
            maker.communicate()

    def waiting(self) -> int:
        ((count,),) = self.query("SELECT count(*) FROM mail_owedmail WHERE delivered_at IS NULL")
        return int(count)


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f") + ("+00:00" if ON_POSTGRESQL else "")


@contextlib.contextmanager
def two_workers(maker: "subprocess.Popen[bytes]") -> Iterator[list[int]]:
    """Start two workers, and kill those that are left in the end."""
    assert maker.stdin
    assert maker.stdout
    workers = []
    try:
        for _ in range(2):
            maker.stdin.write(b"start\n")
            maker.stdin.flush()
            workers.append(int(maker.stdout.readline()))
        yield workers
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def wait_for_work(box: Any, seconds: float = 3.0) -> None:
    """Return once another mail has come, so that a kill strikes work also where a process takes long to start."""
    before, deadline = len(box.mails), time.monotonic() + seconds
    while len(box.mails) == before and time.monotonic() < deadline:
        time.sleep(0.002)


@pytest.mark.timeout(600)
@pytest.mark.covers("R9")
def test_two_racing_workers_each_killed_twenty_times_send_a_thousand_notices(tmp_path: Path) -> None:
    port = free_port()
    with serving(port) as box:
        installation = Installation(tmp_path, port)
        struck = []
        with installation.worker_maker() as maker:
            for _ in range(KILLS):
                with two_workers(maker) as workers:
                    for worker in random.sample(workers, 2):
                        wait_for_work(box)
                        time.sleep(random.uniform(0, 0.1))
                        os.kill(worker, signal.SIGKILL)
                        struck.append(len(box.mails))
            with two_workers(maker):
                deadline = time.monotonic() + 120
                while installation.waiting() and time.monotonic() < deadline:
                    time.sleep(0.5)
        log = (tmp_path / "workers.log").read_text()
    assert sum(0 < count < NOTICES for count in struck) > KILLS, "the kills strike while there is something to do"
    rows = installation.query("SELECT token_id, kind, delivered_at IS NOT NULL FROM mail_owedmail")
    assert Counter(kind for _, kind, _ in rows) == {"token_expiring": NOTICES}, log[-2000:]
    assert len({token for token, _, _ in rows}) == NOTICES
    assert [row for row in rows if not row[2]] == [], log[-2000:]
    sent = {str(mail["Message-ID"]): mail for mail in box.mails}
    assert len(sent) == NOTICES, "each notice arrived, and a mail that came again has the Message-ID that it had"
    by_id: dict[str, set[str]] = {}
    for mail in box.mails:
        del mail["Date"]  # when it was sent, each time
        by_id.setdefault(str(mail["Message-ID"]), set()).add(
            mail.as_string().partition("\n\n")[0].partition("boundary")[0]
        )
    assert {len(heads) for heads in by_id.values()} == {1}
    assert len(box.mails) - NOTICES <= 2 * KILLS


@pytest.mark.django_db(transaction=True, databases="__all__")
class TestMailServerThatFails:
    @pytest.fixture(autouse=True)
    def short_patience(self, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", free_port(), 0.5
        monkeypatch.setattr(transport, "ATTEMPT_SECONDS", 1.0)

    @pytest.fixture
    def people(self, transactional_db: None, now: datetime) -> Cast:
        cast = Cast.assemble(now)
        for name in ("hangs", "later", "never", "fine", "well"):
            add_user(actor=cast.olga, account=cast.acme, email=f"{name}@acme.example", role="administrator", now=now)
        return cast

    @pytest.mark.covers("R8", "R13")
    def test_an_hour_of_every_failure_loses_nothing_that_can_be_delivered_and_slows_no_page(
        self, people: Cast, now: datetime, settings: Any
    ) -> None:
        client = Client()
        client.force_login(people.alice)
        OwedMail.objects.filter(kind="signed_in_elsewhere").delete()  # it has the real time
        usual = [page_seconds(client, people) for _ in range(15)]
        for nth in range(2):
            create_token(actor=people.as_alice, account=people.acme, name=f"T{nth}", expires="90d", now=now)
        meanwhile: list[float] = []
        with delivering_for_an_hour(now) as delivering:  # nothing listens on the port
            meanwhile += watch(client, people, delivering)
        assert set(states()) == {DeliveryState.WAITING}
        assert set(OwedMail.objects.values_list("attempts", flat=True)) <= set(range(1, 12))
        begins = now + timedelta(hours=1)
        with serving(settings.EMAIL_PORT) as box:
            box.hangs_for, box.hangs_seconds = {"hangs@acme.example"}, 3.0
            box.at_data = {"later@acme.example": "451 try again later"}
            box.at_recipient = {"never@acme.example": "550 no such mailbox"}
            with delivering_for_an_hour(begins) as delivering:
                meanwhile += watch(client, people, delivering)
            taken = Counter(box.recipients())
            assert taken == {f"{name}@acme.example": 2 for name in ("alice", "fine", "well")}
            box.hangs_for, box.at_data = set(), {}
            with delivering_for_an_hour(begins + timedelta(hours=1)):
                pass
        assert states() == {DeliveryState.DELIVERED: 10, DeliveryState.GIVEN_UP: 2}
        given_up = OwedMail.objects.filter(given_up_at__isnull=False)
        assert set(given_up.values_list("recipient", "last_error")) == {("never@acme.example", "550 no such mailbox")}
        assert {mail.given_up_at for mail in given_up} <= {begins + minute * MINUTE for minute in range(60)}
        repeated = Counter(str(mail["Message-ID"]) for mail in box.mails)
        assert len(repeated) == 10
        assert len(meanwhile) > 20
        assert statistics.median(meanwhile) < 3 * max(usual), (usual, meanwhile)
        assert max(meanwhile) < 1.0, "a page never waits for a mail server"

    def test_recipient_whose_server_hangs_delays_the_others_by_one_attempt_at_most(
        self, people: Cast, now: datetime, settings: Any
    ) -> None:
        for nth in range(6):
            create_token(actor=people.as_alice, account=people.acme, name=f"T{nth}", expires="90d", now=now)
        OwedMail.objects.filter(recipient="hangs@acme.example").update(due_at=now - MINUTE)
        with serving(settings.EMAIL_PORT) as box:
            box.hangs_for = {"hangs@acme.example"}
            began = time.monotonic()
            outbox.deliver_due(now=now)
            assert len(box.mails) == 30
            assert time.monotonic() - began < 8
        assert states() == {DeliveryState.DELIVERED: 30, DeliveryState.WAITING: 6}
        assert sum(OwedMail.objects.filter(recipient="hangs@acme.example").values_list("attempts", flat=True)) == 1

    def test_dripping_server_is_left_when_the_time_of_an_attempt_is_over(
        self, people: Cast, now: datetime, settings: Any
    ) -> None:
        create_token(actor=people.as_charlie, account=people.globex, name="T", expires="90d", now=now)
        with dripping(settings.EMAIL_PORT):
            began = time.monotonic()
            assert outbox.deliver_due(now=now) == 0
            assert time.monotonic() - began < 3
        (mail,) = OwedMail.objects.filter(recipient="charlie@globex.example")
        assert "had not finished after 1 s" in mail.last_error
        assert mail.due_at == now + timedelta(seconds=15)

    def test_worker_that_returns_after_its_lease_leaves_mails_that_another_has_claimed(
        self, people: Cast, now: datetime, settings: Any
    ) -> None:
        create_token(actor=people.as_charlie, account=people.globex, name="T", expires="90d", now=now)
        (late,) = outbox.claim(now)
        after = now + outbox.LEASE
        (mine,) = outbox.claim(after)
        with serving(settings.EMAIL_PORT) as box:
            assert not outbox.deliver(late, after)
            assert box.mails == []
            outbox.postpone(late, OSError("late"), after)
            row = OwedMail.objects.get(pk=late.pk)
            assert (row.last_error, row.lease_ends_at, row.attempts) == ("", after + outbox.LEASE, 2)
            assert outbox.deliver(mine, after)
            assert len(box.mails) == 1
            outbox.postpone(mine, OSError("late"), after)
        assert states() == {DeliveryState.DELIVERED: 1}

    @pytest.mark.parametrize(
        ("at_recipient", "at_data", "state"),
        [
            ("550 no such mailbox", "", DeliveryState.GIVEN_UP), ("452 mailbox is full", "", DeliveryState.WAITING),
            ("", "554 looks like spam", DeliveryState.GIVEN_UP), ("", "451 greylisted", DeliveryState.WAITING),
            ("530 sign in first", "", DeliveryState.WAITING),
        ],
    )  # fmt: skip
    def test_permanent_refusal_is_given_up_at_once_with_the_servers_words(
        self, people: Cast, now: datetime, settings: Any, at_recipient: str, at_data: str, state: DeliveryState
    ) -> None:
        create_token(actor=people.as_charlie, account=people.globex, name="T", expires="90d", now=now)
        with serving(settings.EMAIL_PORT) as box:
            box.at_recipient = {"charlie@globex.example": at_recipient} if at_recipient else {}
            box.at_data = {"charlie@globex.example": at_data} if at_data else {}
            outbox.deliver_due(now=now)
        assert states() == {state: 1}
        assert OwedMail.objects.get().last_error == at_recipient + at_data


def states() -> Counter[DeliveryState]:
    return Counter(state_of(mail) for mail in OwedMail.objects.all())


def page_seconds(client: Client, people: Cast) -> float:
    began = time.perf_counter()
    assert client.get(f"/accounts/{people.acme.pk}/tokens/").status_code == 200
    return time.perf_counter() - began


@contextlib.contextmanager
def delivering_for_an_hour(now: datetime) -> Iterator[threading.Thread]:
    """Deliver in a thread of its own, once in each minute of a simulated hour."""

    def deliver() -> None:
        for minute in range(60):
            outbox.deliver_due(now=now + minute * MINUTE)
        connections.close_all()

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


def watch(client: Client, people: Cast, delivering: threading.Thread) -> list[float]:
    """Return how long the list of tokens took, again and again while mails are being delivered."""
    seconds = []
    while delivering.is_alive():
        seconds.append(page_seconds(client, people))
        time.sleep(0.05)
    return seconds
