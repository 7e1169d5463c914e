"""The command line in processes that start in a fraction of the time: forked from one that has imported everything.

The entry point, the environment, the working directory, the streams and the exit status are those of `simsim`. The
interpreter's start, the imports and the interpreter's end, which takes longer than most verbs, are skipped, so tests of
these start the program itself, or have it end whole.
"""

import atexit
import ctypes
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Nothing here reads a setting: that happens in the process of each command.
IMPORTED = [
    "simsim.config.command_line", "simsim.config.environment", "django.core.management", "django.db.models",
    "django.db.backends.sqlite3.base", "django.db.backends.postgresql.base", "django.forms", "django.template.loader",
    "django.views.debug", "pydantic_settings", "psycopg", "rich.table", "regex", "django.db.migrations",
    "cryptography.hazmat.primitives.ciphers.aead", "django.contrib.auth.management", "django.contrib.auth.hashers",
    "django.contrib.staticfiles.finders", "django.shortcuts", "pytest",
]  # fmt: skip
_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(IMPORTED)


def run(
    arguments: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: str = "",
    timeout: float = 240,
    ends_whole: bool = False,
    prepare: Callable[[], None] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Return what `simsim` with these arguments printed, and its exit status. Raises TimeoutExpired.

    `ends_whole` has the interpreter end as it does elsewhere: nothing but that closes the databases for the program.
    `prepare` is called in the new process before anything else.
    """
    command = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as streams:
        names = [Path(streams, name) for name in ("in", "out", "err")]
        for path in names:
            path.write_text(stdin if path.name == "in" else "", encoding="utf-8")
        process = _forkserver.Process(
            target=_main, args=(command, dict(env), str(cwd or Path.cwd()), names, ends_whole, prepare)
        )
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(command, timeout)
        _, out, err = (path.read_text(encoding="utf-8") for path in names)
    return subprocess.CompletedProcess(command, process.exitcode, out, err)


def _main(
    arguments: list[str],
    env: dict[str, str],
    cwd: str,
    streams: list[Path],
    ends_whole: bool,
    prepare: Callable[[], None] | None,
) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    for number, path in enumerate(streams):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    # multiprocessing has given the process a standard input of its own.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as the process lives
    sys.argv = ["simsim", *arguments]
    if prepare:
        prepare()
    from django.conf import settings
    from django.db import connections

    from simsim.config.command_line import main

    status = main()
    if ends_whole:
        ctypes.pythonapi.Py_Exit(status)
    atexit._run_exitfuncs()
    if settings.configured:
        connections.close_all()
    sys.exit(status)
