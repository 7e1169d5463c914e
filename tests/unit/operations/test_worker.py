"""The worker's jobs: no error ends one, and no job waits for another."""

import logging
import threading
import time

import pytest

from simsim.operations.worker import Job, repeat

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def run(stop: threading.Event, *jobs: Job) -> list[threading.Thread]:
    threads = [threading.Thread(target=repeat, args=(job, stop)) for job in jobs]
    for thread in threads:
        thread.start()
    return threads


def test_failed_job_is_logged_in_one_line_and_retried(caplog: pytest.LogCaptureFixture) -> None:
    stop, done = threading.Event(), threading.Event()
    attempts = []

    def job() -> int:
        attempts.append(time.monotonic())
        if len(attempts) == 1:
            raise ConnectionError("the database is away\nand this is its second line")
        done.set()
        return 0

    threads = run(stop, Job("shipping", job, idle_seconds=0.01, busy_seconds=0.01))
    assert done.wait(10)
    stop.set()
    threads[0].join(10)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "shipping failed (ConnectionError: the database is away); again in 0.5 s"
    assert record.exc_info is None
    assert attempts[1] - attempts[0] >= 0.5


def test_slow_job_delays_no_other() -> None:
    stop, released, shipped = threading.Event(), threading.Event(), threading.Event()
    counts = {"shipped": 0}

    def slow() -> int:
        released.wait(20)
        return 0

    def ship() -> int:
        counts["shipped"] += 1
        if counts["shipped"] == 5:
            shipped.set()
        return 0

    threads = run(stop, Job("mail", slow, 1.0, 0.0), Job("shipping", ship, 0.01, 0.01))
    assert shipped.wait(10)
    assert not released.is_set()
    stop.set()
    released.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_job_with_more_work_pauses_less() -> None:
    stop, done = threading.Event(), threading.Event()
    left = [3, 2, 1, 0]

    def job() -> int:
        count = left.pop(0)
        if not left:
            done.set()
        return count

    started = time.monotonic()
    threads = run(stop, Job("shipping", job, idle_seconds=30.0, busy_seconds=0.0))
    assert done.wait(10)
    assert time.monotonic() - started < 5
    stop.set()
    threads[0].join(5)
    assert not threads[0].is_alive()
