"""An installation of a test's own: its database, its environment, and Python commands on it."""

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import postgresql_server

DJANGO = {"DJANGO_SETTINGS_MODULE": "simsim.config.settings"}


def own_database(name: str, *, on_postgresql: bool) -> str:
    """Return the URL of a new database on PostgreSQL, "" for SQLite."""
    return postgresql_server.create_database(f"{name}_{secrets.token_hex(4)}") if on_postgresql else ""


def environment_of(data: Path, database_url: str) -> dict[str, str]:
    """Return the environment of commands on that data directory and database, without settings of the caller."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SIMSIM_", "DJANGO_"))}
    settings = {"SIMSIM_DATA_DIR": str(data)}
    if database_url:
        settings |= {
            "SIMSIM_DATABASE_URL": database_url,
            "SIMSIM_SECRET_KEY": "a-secret-key-of-the-tests-and-of-nothing-else",
            "SIMSIM_TOKEN_KEYS": "dGhpcy1pcy1hLWtleS1vZi10aGUtdGVzdHMtYWxvbmU",
        }
    return inherited | settings


def run_python(*arguments: str, environment: Mapping[str, str]) -> str:
    """Return what Python prints with these arguments; it must succeed."""
    done = subprocess.run([sys.executable, *arguments], env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
