"""The revocation journal keeps every line that was written, whatever happens between two of them."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from simsim.audit import journal
from simsim.audit.journal import Change
from simsim.problem import Unusable

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def change(number: int) -> Change:
    at = NOON + timedelta(seconds=number)
    return Change(number, at, "token.revoked", None, f"token {number}", "alice@acme.example", {"name": "Nächtlich"})


def line_of(change: Change) -> dict[str, object]:
    """Return the only line that an earlier version wrote for a change."""
    said = journal.begun(change)
    del said["pending"]
    return said


def append(path: Path, first: int, number: int) -> None:
    for nth in range(first, first + number):
        journal.append(path, [line_of(change(nth))], now=NOON)


def test_lines_of_several_processes_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=append, args=(path, 100 * nth, 20)) for nth in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(20)
        assert writer.exitcode == 0
    found = journal.read(path)
    assert {each.event_id for each in found.changes} == {100 * nth + each for nth in range(3) for each in range(20)}
    assert (found.begun_at, found.unreadable) == (NOON, 0)
    assert path.stat().st_mode & 0o777 == 0o600


def test_torn_line_is_counted_and_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    append(path, 1, 2)
    path.write_bytes(path.read_bytes()[:-20])
    append(path, 3, 1)
    found = journal.read(path)
    assert ([each.event_id for each in found.changes], found.unreadable) == ([1, 3], 1)
    assert found.changes[0] == change(1)


def test_journal_is_bounded_and_says_how_far_it_reaches_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    monkeypatch.setattr(journal, "MAX_BYTES", 1_000)
    for nth in range(30):
        journal.append(path, [line_of(change(nth))], now=NOON + timedelta(seconds=nth))
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= 2_000
    found = journal.read(path)
    kept = [each.event_id for each in found.changes]
    assert kept == list(range(kept[0], 30))
    assert found.begun_at == NOON + timedelta(seconds=kept[0])


def test_another_file_is_no_journal(tmp_path: Path) -> None:
    for text in (
        "",
        "{}\n",
        '{"journal": 2, "host": "a", "begun_at": "2026-11-26T12:00:00+00:00"}\n',
        "SQLite format 3\0",
    ):
        (tmp_path / "other").write_text(text)
        with pytest.raises(Unusable, match="is not a revocation journal of this version"):
            journal.read(tmp_path / "other")
    with pytest.raises(Unusable, match="can't be read"):
        journal.read(tmp_path / "missing")


def test_change_is_certain_once_its_second_line_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.jsonl"
    monkeypatch.setattr(journal, "settings", SimpleNamespace(JOURNAL=path))
    journal.append(path, [line_of(change(1))], now=NOON)
    journal.append(path, map(journal.begun, (change(2), change(3), change(4))), now=NOON)
    journal.confirm([change(2).key])
    # A full file becomes the previous one between the two lines.
    path.rename(journal.previous(path))
    journal.confirm([change(4).key])
    found = journal.read(path)
    assert {each.event_id: each.is_certain for each in found.changes} == {1: True, 2: True, 3: False, 4: True}
    assert found.unreadable == 0
