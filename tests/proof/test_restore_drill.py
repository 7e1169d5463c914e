"""The restore drill at full size: 100,000 tokens, a million rows in the log, and a backup under load."""

import statistics
import sys
import threading
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
ROUND_SECONDS, ROUNDS = 3, 5
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

    before = [load.rate(target, ROUND_SECONDS) for _ in range(ROUNDS)]
    during, seconds = rates_during_backup(drill, target)
    after = [load.rate(target, ROUND_SECONDS) for _ in range(ROUNDS)]
    share = statistics.mean(during) / statistics.mean(before + after)
    print(f"backup: {seconds:.1f} s, {drill.backup.stat().st_size / 1e6:.0f} MB")
    print(f"gate: {before} before, {during} during, {after} after: {share:.2f}")

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


def rates_during_backup(drill: Drill, target: load.Target) -> tuple[list[float], float]:
    """Return the gate's rates while a backup is taken, and how long that took."""
    ended: list[float] = []

    def back_up() -> None:
        began = time.monotonic()
        assert drill.back_up()["tokens"] == TOKENS
        ended.append(time.monotonic() - began)

    thread = threading.Thread(target=back_up)
    thread.start()
    rates = []
    while thread.is_alive():
        rates.append(load.rate(target, ROUND_SECONDS))
    thread.join()
    return rates[:-1] or rates, ended[0]
