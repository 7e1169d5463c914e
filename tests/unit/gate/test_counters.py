"""The counts that all gates of a machine share: exact between processes, and kept across restarts."""

import fcntl
import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest

from simsim.credential.rates import WHOLE_SHARE, Rates, Usage
from simsim.gate import counters as module
from simsim.gate import process_identity
from simsim.gate.counters import SHARE_SECONDS, SLOT_BYTES, SLOTS, Counters, Full, Others

pytestmark = pytest.mark.covers("B17")
NOON = 1_790_000_000.0
DAY = 86_400
MONTH_SECONDS = 31 * DAY
KEY = uuid.UUID(int=7).bytes
TAKE = """
import sys
from pathlib import Path
from simsim.credential.rates import Rates
from simsim.gate.counters import Counters
counters, key = Counters(Path(sys.argv[1])), bytes.fromhex(sys.argv[2])
quota, tries = map(int, sys.argv[3:])
sys.stdin.readline()
print(sum(counters.take(key, Rates(per_day=quota), 1790000000.0) is None for _ in range(tries)))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".counters"


def key_of(home: int, number: int = 1) -> bytes:
    """Return a key whose search begins at a slot."""
    return uuid.UUID(int=number << 64 | home).bytes


def admitted(counters: Counters, key: bytes, rates: Rates, tries: int, now: float = NOON) -> int:
    return sum(counters.take(key, rates, now) is None for _ in range(tries))


def test_four_processes_let_in_exactly_the_quota(path: Path) -> None:
    arguments = [sys.executable, "-c", TAKE, str(path), KEY.hex(), "1000", "600"]
    running = [subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = [each.communicate("go\n")[0] for each in running]
    assert sum(map(int, told)) == 1000
    assert Counters(path).usage(KEY, NOON).today == 1000


def test_threads_of_a_process_share_one_object(path: Path) -> None:
    counters, found = Counters(path), list[int]()
    run = [
        threading.Thread(target=lambda: found.append(admitted(counters, KEY, Rates(per_month=100), 60)))
        for _ in range(4)
    ]
    for thread in run:
        thread.start()
    for thread in run:
        thread.join()
    assert sum(found) == 100


def test_counts_survive_a_restart_and_one_token_takes_nothing_from_another(path: Path) -> None:
    counters, other = Counters(path), key_of(7)
    assert admitted(counters, KEY, Rates(per_day=10), 50) == 10
    counters.close()
    again = Counters(path)
    assert admitted(again, KEY, Rates(per_day=10), 5) == 0
    assert admitted(again, other, Rates(per_day=10), 50) == 10
    assert dict(again.all(NOON)).keys() == {KEY, other}
    assert again.usage(other, NOON).today == 10
    assert again.usage(key_of(9), NOON).today == 0


def test_tokens_share_the_file_evenly(path: Path) -> None:
    counters = Counters(path)
    homes = {next(iter(counters._probes(uuid.uuid4().bytes))) for _ in range(20_000)}
    assert len(homes) > 18_000, "most of 20,000 tokens have a slot of their own"


def test_reading_creates_nothing(path: Path) -> None:
    counters = Counters(path)
    assert counters.usage(KEY, NOON).total_today == 0
    assert list(counters.all(NOON)) == []
    assert not path.exists()
    counters.close()


def test_slot_of_a_past_month_goes_to_the_next_token(path: Path) -> None:
    counters, keys = Counters(path, slots=2), [key_of(number) for number in range(4)]
    for key in keys[:2]:
        assert admitted(counters, key, Rates(per_day=1), 2) == 1
    with pytest.raises(Full):
        counters.take(keys[2], Rates(per_day=1), NOON)
    assert counters.usage(keys[3], NOON) == counters.usage(keys[2], NOON)
    later = NOON + MONTH_SECONDS
    assert list(counters.all(later)) == []
    other = Counters(path, slots=2)
    assert admitted(other, keys[2], Rates(per_day=1), 2, later) == 1
    assert dict(other.all(later)).keys() == {keys[2]}
    # The first owner finds that its slot has gone, and gets the other one.
    assert admitted(counters, keys[0], Rates(per_day=1), 2, later) == 1
    assert dict(counters.all(later)).keys() == {keys[0], keys[2]}


def test_other_nodes_requests_count_and_never_fall_within_a_day_and_a_month(path: Path) -> None:
    counters = Counters(path)
    counters.hear(KEY, NOON, Others(5, 7))
    # A node whose clock is ahead has begun the next day, and no longer tells of this one.
    counters.hear(KEY, NOON, Others(0, 7))
    assert admitted(counters, KEY, Rates(per_day=9), 50) == 4
    assert admitted(counters, KEY, Rates(per_month=20), 50) == 9
    tomorrow = NOON + DAY
    assert admitted(counters, KEY, Rates(per_day=9), 50, tomorrow) == 9
    # What was read before midnight says nothing about the day that has begun.
    counters.hear(KEY, NOON, Others(6, 8))
    assert counters.usage(KEY, tomorrow).others_today == 0
    assert counters.usage(KEY, tomorrow).others_this_month == 8
    assert counters.usage(KEY, NOON + MONTH_SECONDS).total_this_month == 0


def test_share_of_the_rate_ends_when_the_nodes_stop_telling_each_other(path: Path) -> None:
    counters = Counters(path)
    counters.hear(KEY, NOON, Others(1, 1, WHOLE_SHARE // 2))
    assert admitted(counters, KEY, Rates(10, 1), 9) == 1
    assert counters.take(KEY, Rates(10, 1), NOON + 0.15) is not None
    assert counters.take(KEY, Rates(10, 1), NOON + 0.2) is None
    later = NOON + SHARE_SECONDS
    assert admitted(counters, KEY, Rates(10, 1), 9, later) == 1
    assert counters.take(KEY, Rates(10, 1), later + 0.1) is None


def test_reading_all_counts_drops_no_lock_and_reads_little_of_an_empty_file(path: Path) -> None:
    counters, keys = Counters(path), [key_of(home) for home in (0, 31, 32, 4096, SLOTS - 1)]
    for key in keys:
        counters.take(key, Rates(per_day=9), NOON)
    assert [key for key, _ in counters.all(NOON)] == keys
    assert sum(map(len, counters._written_blocks())) <= len(keys) * module.BLOCK_BYTES
    for key, _ in counters.all(NOON):
        counters.hear(key, NOON, Others(3, 3))
    assert {usage.total_today for _, usage in counters.all(NOON)} == {4}
    path.unlink()
    assert list(counters.all(NOON)) == []


def test_removed_or_replaced_file_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters(path)
    monkeypatch.setattr(module, "FILE_CHECK_SECONDS", 0.0)
    assert admitted(counters, KEY, Rates(per_day=9), 5) == 5
    assert admitted(counters, KEY, Rates(per_day=9), 1) == 1
    path.unlink()
    assert admitted(counters, KEY, Rates(per_day=9), 3) == 3
    path.rename(path.with_suffix(".old"))
    Counters(path).take(key_of(1), Rates(per_day=9), NOON)
    assert admitted(counters, KEY, Rates(per_day=9), 2) == 2
    assert Counters(path).usage(KEY, NOON).today == 2


def test_forked_child_opens_the_file_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = Counters(path)
    assert admitted(counters, KEY, Rates(per_day=9), 5) == 5
    monkeypatch.setattr(process_identity, "_generation", process_identity.generation() + 1)
    assert admitted(counters, KEY, Rates(per_day=9), 9) == 4


def test_remembered_places_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KNOWN", 2)
    counters = Counters(path)
    for _ in range(2):
        assert [counters.take(key_of(number), Rates(per_day=2), NOON) for number in range(5)] == [None] * 5
    assert len(counters._offsets) <= 2
    assert {usage.today for _, usage in counters.all(NOON)} == {2}


@pytest.mark.parametrize("is_released", [True, False])
def test_stopped_process_holds_nobody_up_for_long(
    path: Path, monkeypatch: pytest.MonkeyPatch, is_released: bool
) -> None:
    counters = Counters(path)
    counters.take(KEY, Rates(per_day=9), NOON)
    ready, told = os.pipe()
    done, finish = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - a process of its own, which holds the slot's lock
        file = os.open(path, os.O_RDWR)
        fcntl.lockf(file, fcntl.LOCK_EX, SLOT_BYTES * 16, 0)
        os.write(told, b"x")
        os.read(done, 1)
        os._exit(0)
    os.read(ready, 1)
    try:
        if is_released:
            timer = threading.Timer(0.1, os.write, (finish, b"x"))
            timer.start()
            monkeypatch.setattr(module, "LOCK_SECONDS", 60.0)
            assert counters.take(KEY, Rates(per_day=9), NOON) is None
            timer.join()
        else:
            monkeypatch.setattr(module, "LOCK_SECONDS", 0.01)
            with pytest.raises(BlockingIOError):
                counters.take(KEY, Rates(per_day=9), NOON)
            os.write(finish, b"x")
    finally:
        os.waitpid(child, 0)
        for each in (ready, told, done, finish):
            os.close(each)
    assert counters.take(KEY, Rates(per_day=9), NOON) is None


def test_empty_usage_is_that_of_a_slot_never_written(path: Path) -> None:
    assert module._parsed(bytes(module._slot.size)) == (module.NOBODY, Usage())
