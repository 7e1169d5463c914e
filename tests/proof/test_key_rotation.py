"""Rotating the keys at full size: killed at random points, with every password readable and revoking undisturbed."""

import random
import signal
import statistics
import subprocess
import time

import pytest

from key_rotations import readable
from restore_drill import Drill, begun
from stack import BIN

TOKENS, KILLS, REVOCATIONS = 100_000, 20, 30
MAX_WAIT_SECONDS = 0.1

pytestmark = pytest.mark.timeout(1800)


def start(drill: Drill) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([BIN / "simsim", "keys", "rotate"], env=drill.environment, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("on_postgresql", [False, True], ids=["sqlite", "postgresql"])
def test_rotation_that_is_killed_again_and_again_loses_nothing_and_delays_nobody(
    tmp_path_factory: pytest.TempPathFactory, on_postgresql: bool
) -> None:
    drill = begun(tmp_path_factory.mktemp("rotation"), on_postgresql=on_postgresql)
    drill.make_tokens(TOKENS)
    (before,) = readable(drill.environment)
    quiet = drill.hand("time-revocations", ",".join(token["id"] for token in drill.tokens[:REVOCATIONS]))
    if on_postgresql:
        kept = drill.stack.data / "keys" / "token_keys"
        kept.write_text(f"dGhpcy1pcy1hLW5ldy1rZXktb2YtdGhlLXByb29mLTE,{kept.read_text()}")
    chosen = random.Random(0)
    began = time.monotonic()
    for _ in range(KILLS):
        with start(drill) as rotation:
            time.sleep(chosen.uniform(0.5, 2.5))
            rotation.send_signal(signal.SIGKILL)
        assert sum(readable(drill.environment).values()) == TOKENS
    killed_for = time.monotonic() - began
    began = time.monotonic()
    with start(drill) as rotation:
        busy = drill.hand(
            "time-revocations", ",".join(token["id"] for token in drill.tokens[REVOCATIONS : 2 * REVOCATIONS])
        )
        assert rotation.wait(900) == 0
    print(f"{KILLS} kills in {killed_for:.0f} s; the rest in {time.monotonic() - began:.1f} s")
    for when, seconds in (("quiet", quiet), ("meanwhile", busy)):
        print(f"revoking, {when}: {statistics.median(seconds):.3f} s, at most {max(seconds):.3f} s")
    (newest,) = readable(drill.environment)
    assert newest != before
    assert max(busy) < max(quiet) + MAX_WAIT_SECONDS
