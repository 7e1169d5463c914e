"""The page about OWASP's ASVS has each requirement of levels 1 and 2 once, with a state that can be checked."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/security/asvs.md"
TEST = re.compile(r"`tests/[\w/]+\.py::\w+`")
# ASVS 5.0.0 has so many requirements of level 1 and of level 2.
LEVELS = {"1": 70, "2": 183}
MIN_REASON = 20


def rows(first: str) -> Iterator[list[str]]:
    """Yield the cells of each row whose first cell matches."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and re.fullmatch(first, cells[0]):
            yield cells


def test_every_requirement_of_two_levels_has_one_honest_state() -> None:
    found = list(rows(r"\d+\.\d+\.\d+"))
    ids = Counter(cells[0] for cells in found)
    assert [each for each, times in ids.items() if times > 1] == []
    assert Counter(cells[1] for cells in found) == LEVELS
    for requirement, _level, meaning, state, evidence in found:
        assert meaning, requirement
        if state == "met":
            assert TEST.search(evidence), requirement
        elif state == "open":
            by = re.match(r"By (\d{4}-\d{2}-\d{2}): ", evidence)
            assert by, requirement
            assert date.fromisoformat(by[1]), requirement
            assert len(evidence) > MIN_REASON + len(by[0]), requirement
        else:
            assert state == "not applicable", requirement
            assert len(evidence) >= MIN_REASON, requirement


def test_the_sums_of_the_requirements_are_those_of_the_rows() -> None:
    states = Counter(cells[3] for cells in rows(r"\d+\.\d+\.\d+"))
    stated = {state: int(number) for state, number in rows("met|not applicable|open")}
    assert stated == states
