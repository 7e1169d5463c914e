"""Several nodes migrate at the same moment, and a PostgreSQL is reached by whatever URL libpq understands."""

import json
import os
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

import postgresql_server
import preloaded
from own_installation import DJANGO, environment_of
from simsim.gate.lookup_postgresql import PostgresqlLookup

AT_ONCE = int(os.environ.get("SIMSIM_TEST_MIGRATIONS", "4"))
pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600)]


def environment(data: Path, url: str) -> dict[str, str]:
    return environment_of(data, url) | DJANGO


def migrate_together(environments: list[dict[str, str]]) -> list[list[str]]:
    """Start a migration in each environment at once, and return what each has done."""
    with ThreadPoolExecutor(len(environments)) as threads:
        ended = list(
            threads.map(lambda each: preloaded.run(["migrate", "--json"], env=each, timeout=500), environments)
        )
    assert [(each.stderr, each.returncode) for each in ended] == [("", 0)] * len(environments)
    return [json.loads(each.stdout)["done"] for each in ended]


@pytest.mark.parametrize("before", ["fresh", "older"])
@pytest.mark.covers("B11")
def test_nodes_that_migrate_postgresql_at_once_all_succeed_and_one_does_it(before: str, tmp_path: Path) -> None:
    url = postgresql_server.create_database(f"together_{secrets.token_hex(4)}")
    if before == "older":
        for room, number in (("request_log", "0002"), ("tokens", "0004")):
            command = [sys.executable, "-m", "django", "migrate", room, number, "-v0", "--skip-checks"]
            subprocess.run(command, env=environment(tmp_path / "first", url), check=True, timeout=120)
    done = migrate_together([environment(tmp_path / str(node), url) for node in range(AT_ONCE)])
    assert sum("Migrated the database “default”" in each for each in done) == 1
    with psycopg.connect(url) as connection:
        recorded = connection.execute("SELECT app, name FROM django_migrations").fetchall()
        assert len(recorded) == len(set(recorded))
    check = preloaded.run(["migrate", "--check"], env=environment(tmp_path / "0", url))
    assert check.returncode == 0, check.stderr


@pytest.mark.covers("B11")
def test_processes_that_migrate_one_directory_at_once_all_succeed_with_one_key(tmp_path: Path) -> None:
    done = migrate_together([environment(tmp_path / "data", "")] * AT_ONCE)
    for sentence in ("Migrated the database “default”", f"Created {tmp_path}/data/keys/token_keys"):
        assert sum(sentence in each for each in done) == 1


@pytest.mark.covers("B11")
def test_postgresql_is_reached_over_its_socket_and_by_a_list_of_hosts(tmp_path: Path) -> None:
    """By the console's side (Django) and by the gate's alike: one URL, one meaning."""
    port, database = postgresql_server.start(), f"reached_{secrets.token_hex(4)}"
    postgresql_server.create_database(database)
    sockets, nobody = postgresql_server.SOCKETS[0], postgresql_server.free_port()
    by_socket = f"postgresql:///{database}?host={sockets}&port={port}&user=postgres"
    data = tmp_path / "data"
    migrate_together([environment(data, by_socket)])
    for url in (
        by_socket,
        f"postgresql://postgres@127.0.0.1:{nobody},127.0.0.1:{port}/{database}?target_session_attrs=read-write&sslmode=disable",
    ):
        listed = preloaded.run(["account", "list", "--json"], env=environment(data, url))
        assert (listed.returncode, listed.stderr) == (0, "")
        lookup = PostgresqlLookup(url)
        assert lookup.find(b"\0" * 32) is None
        lookup.close()


@pytest.mark.covers("B11")
def test_empty_postgresql_beside_lines_of_another_is_refused(tmp_path: Path) -> None:
    url = postgresql_server.create_database(f"empty_{secrets.token_hex(4)}")
    (tmp_path / "data" / "spool").mkdir(parents=True)
    (tmp_path / "data" / "spool" / "gate-1.jsonl").write_text("{}\n")
    refused = preloaded.run(["migrate"], env=environment(tmp_path / "data", url))
    assert refused.returncode == 1
    assert refused.stderr.startswith("simsim: SIMSIM_DATABASE_URL names an empty database, but ")
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchall() == [(0,)]
