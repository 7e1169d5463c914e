"""Files and functions stay small enough to be read at one sitting, and templates narrow enough for one window."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
SOURCES = sorted(SRC.rglob("*.py"))
TEMPLATES = sorted(path for path in SRC.rglob("*") if "templates" in path.parts and path.suffix in {".html", ".txt"})
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_TEMPLATE_WIDTH = 180
# Exceptions, each with its reason.
LONG_FILES: dict[str, str] = {
    "environment.py": "one field for each setting, in one list that can be read against the page of settings",
    "problem.py": "every error that Simsim reports, in one list",
}
LONG_FUNCTIONS: dict[str, str] = {
    "create_token": "a keyword-only action names each field once as parameter and once as parsed value",
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(path.parents[2])))
def test_file_and_its_functions_are_small(path: Path) -> None:
    if {"migrations", "generated"} & set(path.parts):
        return
    text = path.read_text(encoding="utf-8")
    if path.name not in LONG_FILES:
        assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name not in LONG_FUNCTIONS:
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SRC)))
def test_no_line_of_a_template_is_too_wide(path: Path) -> None:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        assert len(line) <= MAX_TEMPLATE_WIDTH, f"line {number} has {len(line)} characters"
