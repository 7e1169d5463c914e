"""Programs run together, are restarted when they die, and leave nothing behind."""

import os
import pty
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simsim.operations.program import Program, how_it_ended, last_line
from simsim.operations.supervisor import Supervisor
from simsim.problem import Unusable

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def numbers(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def script(path: Path, body: str) -> tuple[str, ...]:
    path.write_text(textwrap.dedent(body))
    return (sys.executable, str(path))


@pytest.mark.covers("B11")
def test_program_that_dies_is_restarted(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    dies_once = script(
        tmp_path / "dies.py",
        f"""
        import os, pathlib, sys, time
        pids = pathlib.Path({str(pids)!r})
        with pids.open("a") as file: file.write(f"{{os.getpid()}}\\n")
        if len(pids.read_text().split()) == 1: sys.exit(3)
        time.sleep(60)
        """,
    )
    said: list[str] = []
    with Supervisor(said.append).supervising() as supervisor:
        supervisor.start(Program("patient", dies_once))
        assert supervisor.wait_until(lambda: len(numbers(pids)) == 2, name="patient", seconds=20)
    assert said == ["patient ended (exit status 3); it restarts in 0.1 s"]
    assert not any(is_alive(pid) for pid in numbers(pids))


@pytest.mark.covers("B11")
def test_program_that_keeps_dying_is_always_restarted_and_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = tmp_path / "starts"
    dies = (sys.executable, "-S", "-c", f"open({str(starts)!r}, 'a').write('1 '); raise SystemExit(4)")
    said: list[str] = []
    monkeypatch.setattr("simsim.operations.supervisor.FIRST_WAIT_SECONDS", 0.01)
    with Supervisor(said.append).supervising() as supervisor:
        supervisor.start(Program("gate", SLEEP))
        gate = supervisor.running[0].process.pid
        supervisor.start(Program("worker", dies))
        # More often than a start tolerates.
        assert supervisor.wait_until(lambda: len(numbers(starts)) > 6, name="worker", seconds=30, of="gate")
        assert supervisor.running[0].process.pid == gate
        assert is_alive(gate)
        # Once it has run for some time, its failures are forgotten.
        with monkeypatch.context() as calm:
            calm.setattr("simsim.operations.supervisor.CALM_SECONDS", 0.0)
            supervisor.running[0].failures = 3
            supervisor.wait_until(lambda: not supervisor.running[0].failures, name="gate", seconds=30, of="gate")
        supervisor.running[1].failures = 5000
        supervisor.wait_until(lambda: "60 s" in said[-1], name="worker", seconds=30, of="gate")
    waits = [line.rpartition("restarts in ")[2] for line in said]
    assert waits[:6] == ["0.01 s", "0.02 s", "0.04 s", "0.08 s", "0.16 s", "0.32 s"]
    assert waits[-1] == "60 s"


def test_program_that_keeps_dying_fails_a_start_that_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsim.operations.supervisor.FAILURES_AT_START", 2)
    with Supervisor(lambda _: None).supervising() as supervisor:
        supervisor.start(Program("other", SLEEP))
        other = supervisor.running[0].process.pid
        supervisor.start(Program("broken", (sys.executable, "-c", "raise SystemExit(4)")))
        with pytest.raises(Unusable, match=r"^broken ended 2 times in a row \(exit status 4\)$"):
            supervisor.wait_until(lambda: False, name="The broken one", seconds=20)
    assert not is_alive(other)


def reloading(tmp_path: Path) -> tuple[str, ...]:
    """A supervisor that reloads one program, which reports that it is ready unless there is a file `slow`."""
    return script(
        tmp_path / "reloading.py",
        f"""
        import pathlib, socket, sys
        from simsim.gateway import listeners, takeover
        from simsim.operations.program import Program
        from simsim.operations.supervisor import Supervisor
        from simsim.problem import Unusable
        home = pathlib.Path({str(tmp_path)!r})
        def prove(supervisor):
            if (home / "bad").exists():
                raise Unusable("SIMSIM_BASE_URL is bad")
            return True
        left = takeover.received()
        code = (
            "import os, pathlib, time; home = pathlib.Path(%r);"
            "(home / 'keeps').open('a').write('%%d ' %% os.getpid());"
            "(home / 'slow').exists() or os.write(int(os.environ['SIMSIM_READY']), b'.'); time.sleep(60)" % str(home)
        )
        known = listeners.from_descriptors(left.listeners if left else ())
        supervisor = Supervisor(lambda line: print(line, flush=True), before_reload=prove, left=left)
        supervisor.listeners = known or [socket.create_server(("127.0.0.1", 0))]
        (home / "port").write_text(str(supervisor.listeners[0].getsockname()[1]))
        with supervisor.supervising():
            supervisor.start(Program("keeps", (sys.executable, "-c", code), processes=1))
            if left and supervisor.replace_predecessors():
                supervisor.watch(until=lambda: not supervisor.predecessors)
                print("Reloaded", flush=True)
            supervisor.watch()
        """,
    )


@pytest.mark.covers("B11")
def test_hangup_replaces_programs_once_new_ones_are_ready_and_bad_settings_change_nothing(tmp_path: Path) -> None:
    keeps = tmp_path / "keeps"
    with subprocess.Popen(reloading(tmp_path), stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        wait_for(lambda: len(numbers(keeps)) == 1)
        (port,) = numbers(tmp_path / "port")
        process.send_signal(signal.SIGHUP)
        assert [process.stdout.readline() for _ in range(2)] == ["Reloading\n", "Reloaded\n"]
        assert [is_alive(pid) for pid in numbers(keeps)] == [False, True]
        (tmp_path / "bad").touch()
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline() == "SIMSIM_BASE_URL is bad. Nothing was reloaded\n"
        (tmp_path / "bad").unlink()
        # While the new program can't serve, the former one does.
        (tmp_path / "slow").touch()
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(numbers(keeps)) == 3)
        assert process.stdout.readline() == "Reloading\n"
        assert [is_alive(pid) for pid in numbers(keeps)] == [False, True, True]
        # A signal that arrives in the meantime is heeded, and replaces both.
        (tmp_path / "slow").unlink()
        process.send_signal(signal.SIGHUP)
        assert [process.stdout.readline() for _ in range(2)] == ["Reloading\n", "Reloaded\n"]
        assert [is_alive(pid) for pid in numbers(keeps)] == [False, False, False, True]
        # All the while the same socket has listened.
        assert numbers(tmp_path / "port") == [port]
        socket.create_connection(("127.0.0.1", port), 5).close()
        process.terminate()
        # The end of a program that was asked to stop is not reported.
        assert process.stdout.read() == ""
        assert process.wait(20) == 0
    assert not any(is_alive(pid) for pid in numbers(keeps))


def test_closed_terminal_ends_everything(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, reloading(tmp_path))
    wait_for(lambda: len(numbers(tmp_path / "keeps")) == 1)
    os.close(terminal)
    wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
    assert not is_alive(numbers(tmp_path / "keeps")[0])


def test_closed_terminal_does_not_end_programs_started_with_nohup(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        os.dup2(os.open(tmp_path / "said", os.O_WRONLY | os.O_CREAT), 1)
        os.execv(sys.executable, reloading(tmp_path))
    wait_for(lambda: len(numbers(tmp_path / "keeps")) == 1)
    os.close(terminal)
    wait_for(lambda: (tmp_path / "said").read_text() == "Reloading\nReloaded\n")
    assert len(numbers(tmp_path / "keeps")) == 2
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def test_processes_that_a_program_leaves_behind_are_killed_with_its_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    leaves_a_child = script(
        tmp_path / "leaves.py",
        f"""
        import pathlib, signal, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(60)"])
        pathlib.Path({str(pids)!r}).write_text(str(child.pid))
        time.sleep(60)
        """,
    )
    with Supervisor(lambda _: None).supervising() as supervisor:
        supervisor.start(Program("careless", leaves_a_child))
        supervisor.wait_until(lambda: bool(numbers(pids)), name="careless", seconds=20)
    wait_for(lambda: not is_alive(numbers(pids)[0]))


def test_program_that_ignores_sigterm_is_killed_in_the_end(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    stubborn = script(
        tmp_path / "stubborn.py",
        f"""
        import pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path({str(ready)!r}).write_text("1")
        time.sleep(60)
        """,
    )
    said: list[str] = []
    with Supervisor(said.append, patience_seconds=0.3).supervising() as supervisor:
        supervisor.start(Program("stubborn", stubborn))
        pid = supervisor.running[0].process.pid
        supervisor.wait_until(ready.exists, name="stubborn", seconds=20)
    assert said == ["stubborn did not stop and was killed"]
    assert not is_alive(pid)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_no_process_is_left_after_any_signal_to_the_supervisor(tmp_path: Path, signum: signal.Signals) -> None:
    pids = tmp_path / "pids"
    supervisor = script(
        tmp_path / "supervisor.py",
        f"""
        import pathlib, sys
        from simsim.operations.supervisor import Program, Supervisor
        with Supervisor(print).supervising() as supervisor:
            for name in "ab":
                supervisor.start(Program(name, (sys.executable, "-c", "import time; time.sleep(60)")))
            pathlib.Path({str(pids)!r}).write_text(" ".join(str(each.process.pid) for each in supervisor.running))
            supervisor.watch()
        """,
    )
    with subprocess.Popen(supervisor) as process:
        wait_for(lambda: len(numbers(pids)) == 2)
        process.send_signal(signum)
        assert process.wait(timeout=20) == (-signum if signum == signal.SIGKILL else 0)
    for pid in numbers(pids):
        wait_for(lambda pid=pid: not is_alive(pid))  # type: ignore[misc]


def test_request_to_stop_ends_a_wait() -> None:
    with Supervisor(lambda _: None).supervising() as supervisor:
        os.kill(os.getpid(), signal.SIGTERM)
        assert supervisor.wait_until(lambda: False, name="never", seconds=20) is False
        assert supervisor.run_to_end(Program("never", SLEEP)) is False


def test_program_that_never_answers_is_named() -> None:
    with (
        Supervisor(lambda _: None).supervising() as supervisor,
        pytest.raises(Unusable, match=r"^The sphinx does not answer after 0\.2 seconds$"),
    ):
        supervisor.wait_until(lambda: False, name="The sphinx", seconds=0.2)


def test_program_that_is_run_once_fails_with_its_own_last_line() -> None:
    complains = (sys.executable, "-c", "import sys; sys.exit('Traceback of something\\nsimsim: The key is missing')")
    with Supervisor(lambda _: None).supervising() as supervisor:
        assert supervisor.run_to_end(Program("good", (sys.executable, "-c", "")))
        with pytest.raises(Unusable, match=r"^The key is missing$"):
            supervisor.run_to_end(Program("bad", complains))
        with pytest.raises(Unusable, match=r"^silent failed$"):
            supervisor.run_to_end(Program("silent", (sys.executable, "-c", "raise SystemExit(1)")))


def test_exit_status_is_described_in_words() -> None:
    assert [how_it_ended(code) for code in (0, 7, -9, -15, -99)] == [
        "exit status 0",
        "exit status 7",
        "SIGKILL",
        "SIGTERM",
        "signal 99",
    ]
    assert last_line(b"") == ""
