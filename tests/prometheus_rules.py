"""Alert rules, evaluated by Prometheus's own `promtool` on what an installation said of itself: well, unwell, well."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml
from prometheus_client.parser import text_string_to_metric_families

from simsim.operations.verbs.monitoring_files import packaged

# Minutes of each: long enough for every `for`, and in the end for every window to have passed.
WELL, UNWELL, WELL_AGAIN = 30, 30, 120
GROWING = ("_total", "_bucket", "_sum", "_count")


class Story(NamedTuple):
    """Three answers of /metrics; None for no answer."""

    well: bytes | None
    unwell: bytes | None
    well_again: bytes | None


def rules() -> dict[str, dict[str, object]]:
    """Return every alert rule by its name."""
    return {rule["alert"]: rule for rule in yaml.safe_load(packaged("alert_rules.yml"))["groups"][0]["rules"]}


def prove_alerts(stories: Mapping[str, Story], directory: Path) -> None:
    """Prove for each alert that it does not fire, fires, and no longer fires, as its story goes."""
    (directory / "rules.yml").write_text(packaged("alert_rules.yml"), encoding="utf-8")
    tests = {"rule_files": ["rules.yml"], "tests": [proof(alert, story) for alert, story in stories.items()]}
    path = directory / "proof.yml"
    path.write_text(json.dumps(tests), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def proof(alert: str, story: Story) -> dict[str, object]:
    """Return promtool's test of one alert: whether it fired in each of the three times."""
    ends = (WELL, WELL + UNWELL, WELL + UNWELL + WELL_AGAIN)
    # Of the last time only its end: a window of an hour still sees what went before.
    spans = (WELL, UNWELL, 10)
    fired = f'count(max_over_time(ALERTS{{alertname="{alert}",alertstate="firing"}}[%sm])) > bool 0 or vector(0)'
    return {
        "interval": "1m",
        "input_series": series(str(rules()[alert]["expr"]), story),
        "promql_expr_test": [
            {
                "expr": fired % (span - 1),
                "eval_time": f"{end - 1}m",
                "exp_samples": [{"labels": "{}", "value": int(end == WELL + UNWELL)}],
            }
            for end, span in zip(ends, spans, strict=True)
        ],
    }


def series(expression: str, story: Story) -> list[dict[str, str]]:
    """Return the series that an expression names, in promtool's notation."""
    named = set(re.findall(r"\b(?:simsim_\w+|up)\b", expression))
    answers = [samples(answer) for answer in story]
    found = sorted({key for answer in answers for key in answer if re.split(r"\{", key)[0] in named})
    assert found, f"no answer has any of {named}"
    return [{"series": key, "values": values([answer.get(key) for answer in answers], key)} for key in found]


def samples(answer: bytes | None) -> dict[str, float]:
    """Return the samples of an answer, with the labels that Prometheus adds."""
    target = 'instance="node-1",job="simsim"'
    found = {f"up{{{target}}}": float(answer is not None)}
    for family in text_string_to_metric_families((answer or b"").decode()):
        for sample in family.samples:
            labels = "".join(f',{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{target}{labels}}}"] = sample.value
    return found


def values(three: "list[float | None]", key: str) -> str:
    """Return the values of one series: a counter grows while all is not well, a gauge stands."""
    well, unwell, again = three
    if key.split("{", maxsplit=1)[0].endswith(GROWING) and well is not None and unwell is not None:
        step = (unwell - well) / UNWELL
        parts = [f"{well:.6f}+0x{WELL - 1}", f"{well + step:.6f}{step:+.6f}x{UNWELL - 1}"]
    else:
        parts = [constant(well, WELL), constant(unwell, UNWELL)]
    return " ".join([*parts, constant(again, WELL_AGAIN)])


def constant(value: float | None, minutes: int) -> str:
    return f"_x{minutes}" if value is None else f"{value:.6f}+0x{minutes - 1}"
