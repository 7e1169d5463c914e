"""The entry point of `simsim`: gives the command line its settings, and Django when a verb needs it."""

import gc
import os
import sys

from simsim.operations.command_line import run
from simsim.operations.context import Operator, Wiring


def main() -> int:
    """Run the verb that the arguments name and return the exit status."""
    # Until the verb has what it needs: nothing of what is imported is garbage, and looking for some takes a fifth of
    # the start.
    gc.disable()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "simsim.config.settings")
    wiring = Wiring(
        operator=operator,
        start_django=start_django,
        start_unproven=start_unproven,
        console="simsim.config.asgi:application",
        gate="simsim.config.rsgi:application",
        gate_listener="simsim.config.gate_asgi:application",
        this_command=(sys.executable, "-m", "simsim.config.command_line"),
    )
    return run(sys.argv[1:], wiring=wiring)


def operator() -> Operator:
    """Return the operator's settings; raise Unusable when one can't be used."""
    from simsim.config import environment  # noqa: PLC0415 - help answers without it

    found = environment.read()
    collect_garbage()
    return found


def start_django() -> None:
    """Start Django; raise Unusable for a bad setting, a missing database or a missing secret."""
    from simsim.config import environment  # noqa: PLC0415 - help answers without it
    from simsim.operations import existing_installation  # noqa: PLC0415

    found = environment.read()
    existing_installation.prove_databases_present(found)
    found.prove_secrets()
    start_unproven()


def start_unproven() -> None:
    """Start Django without checks for databases and secrets; raise Unusable when a setting can't be used."""
    import django  # noqa: PLC0415 - help answers without it
    from django.conf import settings  # noqa: PLC0415

    django.setup()
    for database in settings.DATABASES.values():
        # Pools are for servers: here a pool would retry for half a minute with many messages, where a single connection
        # fails with one line.
        database["OPTIONS"].pop("pool", None)
    collect_garbage()


def collect_garbage() -> None:
    """Collect garbage from now on, except among what has been imported: that is never any."""
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    sys.exit(main())
