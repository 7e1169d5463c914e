"""Tests share what they need in modules that hold no tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))


def imported(text: str) -> Iterator[str]:
    """Yield the full name of everything that the text imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def imported_tests(text: str) -> list[str]:
    return [name for name in imported(text) if any(part.startswith("test_") for part in name.split("."))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_file_imports_a_test_module(path: Path) -> None:
    """A test module that others import can't be read, moved or split on its own."""
    assert not imported_tests(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line", ["import browser.test_pages", "from browser import test_pages", "from browser.test_pages import tour"]
)
def test_each_form_of_import_is_seen(line: str) -> None:
    assert imported_tests(line)
