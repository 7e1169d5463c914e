"""`simsim monitoring`: the metrics, and the files with which Prometheus and Grafana watch an installation."""
# ruff: noqa: PLC0415 - help answers without Django

import sys
from importlib.resources import files

import typer

from simsim.operations.context import needs_django
from simsim.operations.output import AsJson, print_json
from simsim.operations.remote.twins import anywhere

monitoring = typer.Typer(no_args_is_help=True, help="Files for Prometheus and Grafana, and the metrics themselves.")


@monitoring.command("metrics")
@needs_django
def print_metrics(as_json: AsJson = False) -> None:
    """Print what /metrics says, for a collector that reads files."""
    from django.utils import timezone

    from simsim.health.exposition import exposition

    text = exposition(timezone.now()).decode()
    print_json({"metrics": text}) if as_json else sys.stdout.write(text)


@monitoring.command("rules")
@anywhere
def print_rules(as_json: AsJson = False) -> None:
    """Print the alert rules for Prometheus, in YAML."""
    text = packaged("alert_rules.yml")
    print_json({"rules": text}) if as_json else sys.stdout.write(text)


@monitoring.command("dashboard")
@anywhere
def print_dashboard(as_json: AsJson = False) -> None:
    """Print the dashboard to import into Grafana, in JSON."""
    del as_json  # it is JSON in any case
    sys.stdout.write(packaged("dashboard.json"))


def packaged(name: str) -> str:
    """Return the text of a file for a monitoring program."""
    return (files("simsim.health") / "prometheus" / name).read_text(encoding="utf-8")
