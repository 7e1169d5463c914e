"""Sets up an installation, step by step; after an interruption, the next run does what is missing."""
# ruff: noqa: PLC0415 - the models can be imported only once Django has started

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simsim.operations.context import Wiring
from simsim.operations.setup.next_steps import Report, next_steps
from simsim.operations.setup.settings import new_settings

if TYPE_CHECKING:
    from simsim.operations.setup.first_account import Wanted


def set_up(
    wiring: Wiring,
    given: Mapping[str, str | None],
    *,
    account: str | None,
    email: str | None,
    password_stdin: bool,
    is_operator: bool,
    upstream: str,
) -> Report:
    """Bring an installation into being, or complete it, and return what changed and what comes next.

    Nothing is written before every answer has been accepted.
    """
    wiring.operator()
    kept = wiring.kept_settings()
    new = new_settings(given, kept=kept)
    wiring.start_unproven()
    from simsim.operations.setup import first_account

    prove_servers_reachable()
    wanted = first_account.ask(account, email, password_stdin=password_stdin, is_operator=is_operator)
    done = [f"Wrote {', '.join(new)} to {kept.keep(new)}"] if new else []
    return complete(done, wanted, wiring=wiring, upstream=upstream)


def complete(done: list[str], wanted: "Wanted | None", *, wiring: Wiring, upstream: str) -> Report:
    """Create what is missing, examine everything, and return the report."""
    from django.utils import timezone

    from simsim.health.doctor import checks
    from simsim.operations import migrate
    from simsim.operations.setup import first_account

    done += migrate.migrate(makes_shared_keys=True)
    member = None
    if wanted is not None:
        member, created = first_account.create(wanted, now=timezone.now())
        done += created
    operator = wiring.operator()
    steps = next_steps(
        data_dir=operator.data_dir.absolute(),
        base_url=operator.base_url,
        upstream=upstream,
        account_id=str(member.account_id) if member else "",
        email=member.user.email if member else "",
    )
    return Report(
        done,
        account={"id": str(member.account_id), "name": member.account.name} if member else None,
        administrator=member.user.email if member else None,
        keeps_password=wanted is not None and wanted.password is None,
        findings=checks.examine(),
        steps=steps,
        shared_keys=None if operator.is_embedded else operator.keys_dir,
    )


def prove_servers_reachable() -> None:
    """Raise Django's OperationalError for a PostgreSQL server that does not answer, before anything is written."""
    from django.db import connections

    for connection in connections.all():
        if connection.vendor == "postgresql":
            connection.ensure_connection()
