"""The entry point of `simsim`: passes settings to the command line, and starts Django when a verb needs it."""

import gc
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simsim.operations.context import KeptSettings, Operator

LEAN = "simsim: the command line needs the package %s. Install all of Simsim: pip install 'simsim[server]'\n"


def main() -> int:
    """Run the verb that the arguments name and return the exit status."""
    # Importing modules creates no garbage, and the collector would take a fifth of the start-up time.
    gc.disable()
    try:
        from simsim.operations.command_line import run  # noqa: PLC0415 - may be missing, see below
        from simsim.operations.context import Wiring  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        # Whoever protects an API with the middleware has installed only what that needs.
        sys.stderr.write(LEAN % missing.name)
        return 1
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "simsim.config.settings")
    wiring = Wiring(
        operator=operator,
        start_django=start_django,
        start_unproven=start_unproven,
        console="simsim.config.asgi:application",
        gate="simsim.config.rsgi:application",
        gate_listener="simsim.config.gate_asgi:application",
        this_command=(sys.executable, "-m", "simsim.config.command_line"),
        kept_settings=settings_file,
    )
    try:
        return run(sys.argv[1:], wiring=wiring)
    finally:
        # A last collection at exit closes the databases, so that SQLite removes its side files.
        gc.unfreeze()


def operator() -> "Operator":
    """Return the operator's settings; raise Unusable if one can't be used."""
    from simsim.config import environment  # noqa: PLC0415 - help answers without it

    found = environment.read()
    collect_garbage()
    return found


def settings_file() -> "KeptSettings":
    """Return what completes `simsim.env`."""
    from simsim.config import kept_settings  # noqa: PLC0415 - help answers without it

    return kept_settings


def start_django() -> None:
    """Start Django; raise Unusable for a bad setting, a missing database or a missing secret."""
    from simsim.config import environment  # noqa: PLC0415 - help answers without it
    from simsim.health import existing_installation  # noqa: PLC0415

    found = environment.read()
    existing_installation.prove_databases_present(found)
    found.prove_secrets()
    start_unproven()


def start_unproven() -> None:
    """Start Django without checks for databases and secrets; raise Unusable if a setting can't be used."""
    import django  # noqa: PLC0415 - help answers without it
    from django.conf import settings  # noqa: PLC0415

    django.setup()
    for database in settings.DATABASES.values():
        # Pools are for servers: here, a pool would retry for half a minute and print many messages, while a single
        # connection fails with one line.
        database["OPTIONS"].pop("pool", None)
    collect_garbage()


def collect_garbage() -> None:
    """Enable garbage collection, but exclude the imported modules, which are never garbage."""
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    sys.exit(main())
