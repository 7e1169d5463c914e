"""Imports look down only, and every room is placed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "4 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(("database_url", "loaded"), [("", "[]"), ("postgresql:///simsim", "['psycopg']")])
def test_gate_starts_without_django_and_on_sqlite_without_psycopg(
    database_url: str, loaded: str, tmp_path: Path
) -> None:
    """What the import contract says of modules, seen on a running interpreter."""
    code = """
import sys
from simsim.config.gates import build_gate
build_gate()
print([name for name in ("django", "psycopg") if name in sys.modules])
"""
    settings = {"SIMSIM_DATA_DIR": str(tmp_path)} | ({"SIMSIM_DATABASE_URL": database_url} if database_url else {})
    done = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded
