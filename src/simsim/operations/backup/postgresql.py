"""PostgreSQL's own programs: pg_dump, pg_restore and psql, and what a restore does to a database that others may use.

A restore is one transaction. It ends with the database fenced: new connections of our role are read-only, with which no
gate decides, until the lost revocations have been applied.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from simsim.operations.backup.pace import Pace
from simsim.problem import Unusable

FENCE = "ALTER ROLE CURRENT_USER IN DATABASE {database} SET default_transaction_read_only = on"
UNFENCE = "ALTER ROLE CURRENT_USER IN DATABASE {database} RESET default_transaction_read_only"
PIECE_BYTES = 64 * 1024  # what a pipe holds
PAST_THE_FENCE = "-c default_transaction_read_only=off"
FIRST_LINE_OF_ROWS = re.compile(rb"COPY (?:\w+\.)?(\w+) \((.*)\) FROM stdin;\n")
GATE_VIEW = "verifiable_token"
RELATIONS = """
    SELECT relname, CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
    UNION ALL SELECT proname, 'FUNCTION' FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
"""


def dump(alias: str, target: Path, *, snapshot: str) -> None:
    """Write the database, as the exported snapshot sees it, into a file of pg_dump's custom format."""
    options = ("--format=custom", "--compress=1", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
    command = [program("pg_dump"), *options, f"--dbname={connection_text(alias)}"]
    pace = Pace()
    with (
        target.open("xb") as file,
        subprocess.Popen(
            command, env=environment(alias), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        # While we rest, the pipe is full, and so pg_dump and its server process wait.
        while data := process.stdout.read(PIECE_BYTES):
            file.write(data)
            pace.rest()
        said = process.stderr.read()
    if process.returncode:
        raise Unusable("pg_dump failed: %(why)s", why=first_line(said))


def load(alias: str, source: Path) -> None:
    """Replace the database's tables by those of a dump, in one transaction, and fence the database."""
    database = connections[alias].ops.quote_name(database_name(alias))
    command = [program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={connection_text(alias)}"]
    with subprocess.Popen(
        [*command, "--file=-"], env=environment(alias), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as psql:  # fmt: skip
        assert psql.stdin is not None  # noqa: S101
        assert psql.stderr is not None  # noqa: S101
        complaint = ""
        try:
            psql.stdin.write("".join(f"{line};\n" for line in ["BEGIN", *drops(alias)]).encode())
            psql.stdin.flush()
            options = ("--no-owner", "--no-privileges", "--file=-", str(source))
            scripted = subprocess.run(
                [program("pg_restore"), *options], stdout=psql.stdin, stderr=subprocess.PIPE, check=False
            )
            complaint = first_line(scripted.stderr) if scripted.returncode else ""
            # Without this line, the connection ends inside the transaction, and nothing has changed.
            if not complaint:
                psql.stdin.write(f"{FENCE.format(database=database)};\nCOMMIT;\n".encode())
            psql.stdin.close()
        except BrokenPipeError:
            pass
        said = psql.stderr.read()
    if psql.returncode or complaint:
        why = first_line(said) if psql.returncode else complaint
        raise Unusable("The database was not changed, because the backup could not be loaded: %(why)s", why=why)


def drops(alias: str) -> Iterator[str]:
    """Yield the statements that drop our tables, view and functions, also those that the dump doesn't replace."""
    ours = ("django_", *(f"{app.label}_" for app in apps.get_app_configs()))
    quote = connections[alias].ops.quote_name
    with connections[alias].cursor() as cursor:
        cursor.execute(RELATIONS)
        found = cursor.fetchall()
    for name, kind in sorted(found, key=lambda each: each[1], reverse=True):  # views first
        if name.startswith(ours) or name == GATE_VIEW:
            yield f"DROP {kind} {quote(name)} CASCADE"


def lift_fence(alias: str) -> None:
    """Let every connection write again. Call it in the transaction that applies the lost revocations."""
    with connections[alias].cursor() as cursor:
        cursor.execute(UNFENCE.format(database=connections[alias].ops.quote_name(database_name(alias))))


def pass_fence(connection: BaseDatabaseWrapper) -> None:
    """Have this process's next connections write even to a fenced database."""
    connection.close()
    options = connection.settings_dict["OPTIONS"]
    if PAST_THE_FENCE not in (given := options.get("options", "")):
        options["options"] = f"{given} {PAST_THE_FENCE}".strip()


def prove_unused(alias: str) -> None:
    """Raise Unusable if others are connected to the database as our role: their gate would decide meanwhile."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"
            " AND pid <> pg_backend_pid()"
        )
        number = cursor.fetchone()[0]
    if number:
        raise Unusable(
            "%(number)s other connections use the database: stop Simsim on every node."
            " --ignore-connections restores nevertheless",
            number=str(number),
        )


def rows_in(source: Path) -> Iterator[tuple[str, list[str], bytes]]:
    """Yield each row of a dump: its table, the columns' names, and the values as COPY writes them.

    Raises Unusable if the dump is damaged. Nothing is loaded.
    """
    command = [program("pg_restore"), "--data-only", "--file=-", str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        table = ""
        columns: list[str] = []
        for line in process.stdout:
            if table and line == b"\\.\n":
                table = ""
            elif table:
                yield table, columns, line
            elif begins := FIRST_LINE_OF_ROWS.fullmatch(line):
                table, columns = begins[1].decode(), begins[2].decode().replace('"', "").split(", ")
        said = process.stderr.read()
    if process.returncode:
        raise Unusable("The dump can't be read: %(why)s", why=first_line(said))


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unusable(
            "%(name)s is not installed: install PostgreSQL's client programs (on Debian: apt-get install"
            " postgresql-client)",
            name=name,
        )
    return found


def first_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[0] if lines else "it gave no reason"


def environment(alias: str) -> dict[str, str]:
    """Return the environment of the programs: other users can read a process's arguments, so the password is here."""
    password = parameters(alias).get("password")
    given = {"PGPASSWORD": str(password)} if password else {}
    options = f"{PAST_THE_FENCE} -c client_min_messages=error"  # a notice is no reason why something failed
    # None of our own settings, some of which are secrets.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SIMSIM_", "OTEL_"))}
    return inherited | given | {"PGOPTIONS": options, "PGCONNECT_TIMEOUT": "10"}


def connection_text(alias: str) -> str:
    """Return the connection string for PostgreSQL's client programs, without the password."""
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - an installation on SQLite does without the driver

    return make_conninfo("", **{key: value for key, value in parameters(alias).items() if key != "password"})


def database_name(alias: str) -> str:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_database()")
        return str(cursor.fetchone()[0])


def parameters(alias: str) -> dict[str, Any]:
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    operator = settings.OPERATOR
    url = operator.database_url if alias == DEFAULT_DB_ALIAS else operator.log_table_url
    return dict(conninfo_to_dict(url))
