"""The house's words: no room without a sense, no word that the field has left behind."""

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py")) + sorted((ROOT / "src").rglob("*.html"))


def test_no_room_is_called_by_what_it_is_not() -> None:
    senseless = {"utils", "util", "core", "helpers", "helper", "common", "misc"}
    found = [path for path in (ROOT / "src").rglob("*") if path.stem in senseless]
    assert not found


def test_modules_are_named_by_nouns() -> None:
    """A gerund names an activity and not what a file holds; the words below are the field's own."""
    words_of_the_field = {"forwarding", "keyring", "logging"}
    named = {path.stem for path in (ROOT / "src").rglob("*.py")} | {
        path.parent.name for path in (ROOT / "src").rglob("*.py")
    }
    assert not {name for name in named if name.endswith("ing")} - words_of_the_field


def test_bounds_are_called_max_and_min() -> None:
    bound = re.compile(r"^_?(MOST|LONGEST|LARGEST|BIGGEST|SHORTEST|FEWEST|SMALLEST)_[A-Z_]+ *[:=]", re.MULTILINE)
    assert not [path for path in SOURCES if bound.search(path.read_text(encoding="utf-8"))]


def test_left_behind_words_are_not_used() -> None:
    word = re.compile(r"white-?list|black-?list", re.IGNORECASE)
    found = [path for path in SOURCES if word.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_locks_carry_hashes_and_no_address() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock.name
        pinned = re.findall(r"^[a-z0-9][^\s]*==[^\s]+", text, re.MULTILINE)
        assert pinned
        assert text.count("--hash=sha256:") >= len(pinned), lock.name


def test_the_lock_of_the_generators_carries_hashes_and_no_address() -> None:
    lock = json.loads((ROOT / "release/node/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: facts for name, facts in lock["packages"].items() if name}
    assert packages
    for name, facts in packages.items():
        assert facts["integrity"].startswith("sha512-"), name
        assert "resolved" not in facts, name


def test_locks_are_nested() -> None:
    """The Makefile installs a larger lock where a smaller one is asked for."""
    pins = [
        set(
            re.findall(r"^[a-z0-9][^\s]*==[^\s]+", (ROOT / f"requirements/{name}.txt").read_text("utf-8"), re.MULTILINE)
        )
        for name in ("run", "docs", "test", "bench")
    ]
    for smaller, larger in itertools.pairwise(pins):
        assert smaller <= larger, smaller - larger


def test_every_module_says_what_it_promises() -> None:
    silent = [
        path.relative_to(ROOT)
        for path in (ROOT / "src").rglob("*.py")
        if path.name not in {"apps.py"} and "migrations" not in path.parts
        and not path.read_text(encoding="utf-8").lstrip().startswith('"""')
    ]  # fmt: skip
    assert not silent


def test_models_and_migrations_agree() -> None:
    command = [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"]
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "simsim.config.settings", "SIMSIM_DATA_DIR": scratch,
        }  # fmt: skip
        environment.pop("SIMSIM_DATABASE_URL", None)
        made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=scratch)
    assert made.returncode == 0, made.stdout + made.stderr
