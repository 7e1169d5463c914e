"""A database that is replaced by a backup under running processes: each goes on with the new file."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import Stack, running

pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("replaced"), on_postgresql=False) as started:
        yield started


def restore(path: Path) -> None:
    """Put a whole copy in the place of a database, without what SQLite keeps beside the old one."""
    copy = path.with_name(f"{path.name}.backup")
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    for kept in ("-wal", "-shm"):
        path.with_name(path.name + kept).unlink(missing_ok=True)
    copy.replace(path)


@pytest.mark.covers("R8", "R17")
def test_worker_console_and_gate_go_on_with_the_database_that_was_restored(stack: Stack) -> None:
    token = stack.create_token("Before the backup")
    auth = (token["username"], token["password"])
    assert stack.get("/status/200", auth=auth).status == 200
    stack.wait_until(lambda: stack.log_rows(endpoint="/status/200"), "the first request is in the log")

    def is_newest_tried() -> bool:
        return bool(stack.simsim("mail", "list")["items"][0]["last_error"])

    # When an email fails, the others that wait for the same person are postponed with it.
    stack.wait_until(is_newest_tried, "the worker tries the first mail")
    for name in ("request_log.sqlite3", "simsim.sqlite3"):
        restore(stack.data / name)
    assert stack.get("/status/202", auth=auth).status == 202
    stack.wait_until(lambda: stack.log_rows(endpoint="/status/202"), "a later request is in the restored log")
    stack.create_token("After the restore")
    stack.wait_until(is_newest_tried, "the worker tries the mail that is in the restored database")
    stack.revoke(token["id"])
    assert stack.get("/status/200", auth=auth).status == 401
    assert stack.get("/sign-in/login/", port=stack.console_port).status == 200
