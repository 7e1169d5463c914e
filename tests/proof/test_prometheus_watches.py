"""A real Prometheus reads a real installation with our rules: an alert fires when the database goes, and clears.

The rules wait for seconds, not minutes.
"""

import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from postgresql_server import free_port
from processes import wait_for
from simsim.operations.verbs.monitoring_files import packaged
from stack import running

TOKEN = "a-token-of-the-tests-and-of-nothing-else"
CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: simsim
    authorization: {{credentials_file: token}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.mark.timeout(300)
def test_alerts_of_a_real_prometheus_fire_and_clear(tmp_path: Path) -> None:
    settings = {"SIMSIM_METRICS_TOKEN": TOKEN}
    (tmp_path / "stack").mkdir()
    with running(tmp_path / "stack", on_postgresql=False, settings=settings) as stack:
        (tmp_path / "rules.yml").write_text(re.sub(r"for: [0-9]+m", "for: 2s", packaged("alert_rules.yml")))
        (tmp_path / "token").write_text(TOKEN)
        (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(port=stack.console_port))
        port = free_port()
        command = [
            "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
        ]  # fmt: skip
        with subprocess.Popen(command) as prometheus:
            try:
                watch(lambda expression: asked(port, expression), stack.data)
            finally:
                prometheus.terminate()


def watch(ask: Callable[[str], list[Any]], data: Path) -> None:
    """Prove that two alerts fire while the database is away, and only then."""
    firing = 'ALERTS{alertstate="firing",alertname=~"SimsimDatabaseDown|SimsimGateNotReady"}'
    wait_for(lambda: ask('up{job="simsim"} == 1'), seconds=60)
    wait_for(lambda: len(ask("simsim_decisions_total")) == 9)
    assert not ask(firing)
    files = sorted(data.glob("simsim.sqlite3*"))
    for path in files:
        path.rename(path.with_name(f"away-{path.name}"))
    wait_for(lambda: len(ask(firing)) == 2, seconds=60)
    for path in files:
        path.with_name(f"away-{path.name}").rename(path)
    wait_for(lambda: not ask(firing), seconds=60)


def asked(port: int, expression: str) -> list[Any]:
    """Return Prometheus's answer to an expression, empty while it does not answer."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
            return found
    except OSError:
        return []
