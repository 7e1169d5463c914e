"""Every requirement is shown by a test that names it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent
REQUIREMENTS = set(
    re.findall(r"^\| ([RB]\d+) \|", (ROOT / "docs/requirements.md").read_text(encoding="utf-8"), re.MULTILINE)
)
# What no test shows yet. An entry leaves with the test that shows it, and none comes back.
NOT_SHOWN_YET: set[str] = set()


def marks(path: Path) -> Iterator[str]:
    """Yield the requirement ids that a test file's `covers` marks name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "covers":
            yield from (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))


def test_every_requirement_has_a_test_or_stands_on_the_list() -> None:
    # A proof of full size is run by hand, so the suite shows the requirement too.
    tests = (path for path in TESTS.rglob("test_*.py") if TESTS / "proof" not in path.parents)
    covered = {mark for path in tests for mark in marks(path)}
    assert covered <= REQUIREMENTS, f"no such requirement: {sorted(covered - REQUIREMENTS)}"
    assert covered.isdisjoint(NOT_SHOWN_YET), f"shown now: {sorted(covered & NOT_SHOWN_YET)}"
    assert covered | NOT_SHOWN_YET == REQUIREMENTS, f"without a test: {sorted(REQUIREMENTS - covered - NOT_SHOWN_YET)}"
