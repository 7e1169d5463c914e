"""`simsim migrate` and `simsim doctor`: they prepare an installation, and examine it; `simsim upgrade` plans."""
# ruff: noqa: PLC0415 - help answers without Django

from typing import Annotated

import typer

from simsim.operations.context import needs_settings
from simsim.operations.output import AsJson, print_json
from simsim.operations.remote import installation as remote
from simsim.operations.remote.twins import remotely
from simsim.operations.status_views import show_findings
from simsim.problem import Unusable


@needs_settings
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if anything is out of date.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the databases, the directories and the console's files up to date. Doing it twice changes nothing."""
    from simsim.operations.migrate import migrate as bring_up_to_date
    from simsim.operations.migrate import prove_up_to_date

    if check:
        prove_up_to_date()
    done = [] if check else bring_up_to_date()
    if as_json:
        print_json({"done": done})
    else:
        typer.echo("\n".join(done) or "Everything is up to date.")


@needs_settings
def upgrade(
    check: Annotated[bool, typer.Option("--check", help="Say what an upgrade will do. Changes nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what an upgrade to this version will do to the databases, how long that takes, and the disk that it needs."""
    from simsim.operations import migrate, upgrade_plan

    if not check:
        raise Unusable("simsim upgrade only checks: run simsim upgrade --check, then simsim migrate")
    if migrate.outstanding() == [migrate.NO_DATABASE]:
        raise Unusable("There is no database yet: run simsim migrate")
    steps, free = upgrade_plan.pending(), upgrade_plan.free_bytes()
    if as_json:
        needed = max((step.disk_bytes for step in steps), default=0)
        documents = [step.document() for step in steps]
        print_json({"steps": documents, "free_disk_bytes": free, "needed_disk_bytes": needed})
        return
    for step in steps:
        typer.echo(step.sentence())
    last = f"Then reload the services. {free / 1_000_000:,.0f} MB of disk are free."
    typer.echo(f"simsim migrate runs these steps, one after another. {last}" if steps else "No migration is pending.")


@remotely(remote.examine)
@needs_settings
def doctor(
    watch: Annotated[bool, typer.Option("--watch", help="Check again every ten seconds, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check everything that an installation needs on this node, and the workers of all nodes, and say what to do."""
    from simsim.health.doctor import checks

    def examine() -> list[dict[str, object]]:
        return [finding.document() for finding in checks.examine()]

    show_findings(examine, watch=watch, as_json=as_json)
