"""The restore drill at full size: 100,000 tokens, a million rows in the log, and a backup under load."""

import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from postgresql_server import free_port
from restore_drill import Drill, begun
from stack import BIN

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench import load

TOKENS, ROWS = 100_000, 1_000_000
REVOKED, ROTATED, NARROWED = 20, 5, 5
ROUND_SECONDS = 2
MAX_BACKUP_SECONDS, MIN_RATE = 60, 0.85

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(params=["sqlite", "postgresql"])
def drill(tmp_path: Path, request: pytest.FixtureRequest) -> Drill:
    drill = begun(tmp_path, on_postgresql=request.param == "postgresql")
    drill.make_tokens(TOKENS)
    drill.hand("fill", drill.stack.account, str(ROWS))
    return drill


@pytest.mark.covers("B21", "R13")
def test_nothing_that_was_revoked_after_a_backup_under_load_opens_the_restored_gate(
    drill: Drill, tmp_path: Path
) -> None:
    stack, port = drill.stack, free_port()
    stack.settings["SIMSIM_TRUSTED_PROXIES"] = "127.0.0.1"
    serve = ("serve", "--port", str(stack.console_port), "--gate-listen", f"127.0.0.1:{port}")
    stack.spawn("serve", BIN / "simsim", *serve)
    stack.wait_until(lambda: stack.get("/healthz", port=port).status == 200, "the gate answers", 60)
    credentials = [(token["username"], token["password"]) for token in drill.tokens[:1000]]
    target = load.target("gate", f"http://127.0.0.1:{port}/gate/verify", credentials, tmp_path)

    share, seconds = back_up_in_turns(drill, target)
    print(f"backup: {seconds:.1f} s, {drill.backup.stat().st_size / 1e6:.0f} MB; gate at {share:.2f} of its rate")

    drill.restrict(REVOKED, ROTATED, NARROWED)
    stack.stop()
    drill.lose_machine()
    began = time.monotonic()
    told = drill.run("restore", str(drill.backup), "--identity", str(drill.identity), timeout=900)
    print(f"restore: {time.monotonic() - began:.1f} s")
    changed = [token["id"] for token in drill.tokens[: REVOKED + ROTATED + NARROWED]]
    assert sorted(each["subject_id"] for each in told["applied"]) == sorted(changed)
    assert (told["tokens"], told["log_rows"] >= ROWS, told["unknown"]) == (TOKENS, True, [])

    stack.spawn("serve", BIN / "simsim", *serve)
    stack.wait_until(lambda: stack.get("/healthz", port=port).status == 200, "the restored gate answers", 60)
    assert [stack.ask_gate(token) for token in drill.tokens[: len(changed)]] == [401] * len(changed)
    assert [stack.ask_gate(token) for token in drill.tokens[-50:]] == [204] * 50
    stack.stop()
    assert seconds < MAX_BACKUP_SECONDS
    assert share > MIN_RATE


def back_up_in_turns(drill: Drill, target: load.Target) -> tuple[float, float]:
    """Take a backup that is stopped every other round, and return what the gate keeps of its rate while it runs.

    The share is the median over pairs of rounds, so whatever else the machine does meets both sides of a pair. Also
    return the seconds that the backup ran.
    """
    command = [str(BIN / "simsim"), "backup", str(drill.backup), "--recipient", drill.recipient]
    shares, seconds = [], 0.0
    with subprocess.Popen(command, env=drill.environment, start_new_session=True) as backup:
        while backup.poll() is None:
            os.killpg(backup.pid, signal.SIGCONT)
            began = time.monotonic()
            while_it_runs = load.rate(target, ROUND_SECONDS)
            if backup.poll() is not None:
                break
            seconds += time.monotonic() - began
            os.killpg(backup.pid, signal.SIGSTOP)
            shares.append(while_it_runs / load.rate(target, ROUND_SECONDS))
    assert backup.returncode == 0
    return statistics.median(shares), seconds + ROUND_SECONDS
