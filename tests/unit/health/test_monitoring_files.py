"""The files for Prometheus and Grafana ask only for metrics that exist."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from prometheus_rules import rules
from simsim.health.metric_list import INSTALLATION_METRICS, NODE_METRICS
from simsim.operations.verbs.monitoring_files import packaged

KNOWN = {each.name for each in (*NODE_METRICS, *INSTALLATION_METRICS)}


def named(expression: str) -> set[str]:
    return {re.sub(r"(?<=_seconds)_bucket$", "", name) for name in re.findall(r"\bsimsim_\w+", expression)}


@pytest.mark.covers("B21")
def test_alerts_and_dashboard_ask_for_metrics_that_exist(tmp_path: Path) -> None:
    panels = json.loads(packaged("dashboard.json"))["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(expressions) >= len(panels) > 10
    assert len({panel["id"] for panel in panels}) == len(panels)
    asked = set().union(*map(named, expressions), *(named(str(rule["expr"])) for rule in rules().values()))
    assert asked <= KNOWN
    # Prometheus itself reads each expression of the dashboard.
    recorded = [{"record": f"panel:{nth}", "expr": text} for nth, text in enumerate(expressions)]
    path = tmp_path / "expressions.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}).replace("$instance", ".*"))
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
