"""A real installation is watched: through /metrics, through `simsim status`, and while its database is away."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import preloaded
from processes import wait_for
from prometheus_rules import Story, prove_alerts, samples
from stack import PASSWORD, Answer, Stack, running

pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]
TOKEN = "a-token-of-the-tests-and-of-nothing-else"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
TARGET = '{instance="node-1",job="simsim"'


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {"SIMSIM_METRICS_TOKEN": TOKEN, "SIMSIM_LOG_FORMAT": "json"}
    with running(tmp_path_factory.mktemp("watched"), on_postgresql=False, settings=settings) as started:
        yield started


def metrics(stack: Stack, headers: dict[str, str] = BEARER, path: str = "/metrics") -> Answer:
    return stack.get(path, port=stack.console_port, headers=headers)


@pytest.mark.covers("B21")
def test_metrics_answer_the_monitor_and_exist_for_nobody_else(stack: Stack) -> None:
    answer = metrics(stack)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        refused, nowhere = (metrics(stack, headers, path) for path in ("/metrics", "/nowhere"))
        assert (refused.status, dict(refused.headers).keys()) == (404, dict(nowhere.headers).keys())
        assert len(refused.body) == len(nowhere.body)


@pytest.mark.covers("B21")
def test_requests_are_counted_and_no_secret_is_told(stack: Stack) -> None:
    token = stack.create_token("Planted name")
    auth = (token["username"], token["password"])
    assert stack.get(f"/status/200?key={token['password']}", auth=auth).status == 200
    wrong = token["password"][:-1] + ("1" if token["password"].endswith("0") else "0")
    assert stack.get(f"/{token['password']}", auth=(token["username"], wrong)).status == 401

    def counted(reason: str) -> float:
        return samples(metrics(stack).body)[f'simsim_decisions_total{TARGET},reason="{reason}"}}']

    wait_for(lambda: (counted("ok"), counted("unknown_credentials")) == (1, 1))
    keys = [path.read_text().strip() for path in (stack.data / "keys").iterdir()]
    told = [metrics(stack).body.decode()]
    told += [preloaded.run(["status", *more], env=stack.environment).stdout for more in ([], ["--json"])]
    told += [path.read_text() for path in stack.directory.glob("*.log")]
    for secret in (token["password"], token["username"], "Planted name", PASSWORD, TOKEN, "alice@acme", *keys):
        assert not [text for text in told if secret in text]


@pytest.mark.covers("B21")
def test_status_says_what_runs_and_how_far_it_is_behind(stack: Stack) -> None:
    wait_for(lambda: stack.simsim("status")["workers"])
    status = stack.simsim("status")
    assert {each["name"]: (each["running"], each["failures"]) for each in status["programs"]} == {
        "console": (True, 0),
        "gate": (True, 0),
    }
    assert all(each["processes"] >= 2 and each["resident_bytes"] > 2**20 for each in status["programs"])
    assert (status["gate_ready"], status["console_answers"]) == (True, True)
    assert status["gateway"] == {"listen": f"127.0.0.1:{stack.gateway_port}", "answers": True}
    assert [each["size_bytes"] > 0 for each in status["databases"]] == [True, True]
    assert [(each["failing"], each["version"]) for each in status["workers"]] == [([], status["version"])]
    lines = preloaded.run(["status"], env=stack.environment).stdout.splitlines()
    assert f"  ok     gateway    answers on 127.0.0.1:{stack.gateway_port}" in lines
    assert not [line for line in lines if "WRONG" in line and "disk" not in line]
    assert "inherited sockets" not in (stack.directory / "gateway.log").read_text()


@pytest.mark.covers("B21")
@pytest.mark.parametrize("verb", ["status", "doctor"])
def test_watching_goes_on_until_it_is_interrupted(stack: Stack, verb: str) -> None:
    command = [sys.executable, "-m", "simsim.config.command_line", verb, "--watch", "--json"]
    with subprocess.Popen(command, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, b"")


@pytest.mark.covers("B21")
def test_database_that_is_away_raises_two_alerts_until_it_is_back(stack: Stack, tmp_path: Path) -> None:
    def told_that(value: int) -> bytes:
        """Return the first answer that says so: the next one need not."""
        told: list[bytes] = []

        def is_told() -> bool:
            told[:] = [metrics(stack).body]
            answer = samples(told[0])
            return (answer[up], answer[ready]) == (value, value)

        wait_for(is_told)
        return told[0]

    up, ready = f'simsim_database_up{TARGET},database="default"}}', f"simsim_gate_ready{TARGET}}}"
    files = sorted(stack.data.glob("simsim.sqlite3*"))
    well = told_that(1)
    for path in files:
        path.rename(path.with_name(f"away-{path.name}"))
    unwell = told_that(0)
    shown = preloaded.run(["status", "--json"], env=stack.environment)
    status = json.loads(shown.stdout)
    assert shown.returncode == 6
    assert json.loads(shown.stderr)["detail"] == "These databases do not answer: default"
    assert (status["gate_ready"], status["mail"], status["workers"] is None) == (False, None, False)
    for path in files:
        path.with_name(f"away-{path.name}").rename(path)
    story = Story(well, unwell, told_that(1))
    prove_alerts({"SimsimGateNotReady": story, "SimsimDatabaseDown": story}, tmp_path)


@pytest.mark.covers("B21")
def test_messages_are_json_with_the_id_that_the_answer_shows(stack: Stack) -> None:
    """Runs last: the gate has complained by now that its database was away."""
    answer = stack.get("/nowhere", port=stack.console_port)

    def messages() -> list[dict[str, str]]:
        text = (stack.directory / "serve.log").read_text()
        return [
            json.loads(line) for line in text.splitlines() if not line.startswith(("Console: ", "Gate: ", "Ctrl-C"))
        ]

    def of_the_request() -> list[dict[str, str]]:
        return [each for each in messages() if each.get("request_id") == answer.headers["X-Request-Id"]]

    wait_for(of_the_request)
    (said,) = of_the_request()
    assert (said["level"], said["logger"], said["message"]) == ("warning", "django.request", "Not Found: /nowhere")
    assert "simsim.gate" in {each["logger"] for each in messages()}
