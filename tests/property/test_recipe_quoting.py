"""A value that a recipe quotes comes out of its language unchanged."""

import ast
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsim.console.connect.literals import m_quote, python_quote, shell_quote

ARGUMENTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
HOSTILE = [
    "it's",
    "$(id) `id`",
    'say "x" & ""',
    "a\nb\r\tc",
    "\\",
    "#(lf)",
    "##(#(",
    "",
    "-n",
    "!!",
    "{1..3} *",
    "\u2028",
]
# Power Query M, language specification, “Text literals” and “Character escape sequences”.
M_TEXT = re.compile(r'"(?:""|#\(#\)|#\((?:cr|lf|tab)\)|#\([0-9A-F]{4}\)|#(?!\()|[^"#\x00-\x1f\x7f-\x9f\u2028\u2029])*"')
M_PIECE = re.compile(r'""|#\(([^)]*)\)')
M_NAMES = {"cr": "\r", "lf": "\n", "tab": "\t", "#": "#"}


def read_m(literal: str) -> str:
    def piece(found: re.Match[str]) -> str:
        return M_NAMES.get(found[1]) or chr(int(found[1], 16)) if found[1] else '"'

    return M_PIECE.sub(piece, literal[1:-1])


def through_a_shell(value: str) -> bytes:
    command = f"printf %s {shell_quote(value)}"
    return subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout


@pytest.mark.covers("R20")
@settings(max_examples=150, deadline=None)
@given(ARGUMENTS)
def test_shell_gives_back_what_was_quoted(value: str) -> None:
    assert through_a_shell(value) == value.encode()


@pytest.mark.covers("R20")
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_stay_one_value_in_every_language(value: str) -> None:
    assert through_a_shell(value) == value.encode()
    assert ast.literal_eval(python_quote(value)) == value
    assert M_TEXT.fullmatch(m_quote(value))
    assert read_m(m_quote(value)) == value


@pytest.mark.covers("R20")
@given(st.text())
def test_python_gives_back_what_was_quoted(value: str) -> None:
    assert ast.literal_eval(python_quote(value)) == value
    assert len(python_quote(value).splitlines()) == 1


@pytest.mark.covers("R20")
@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text(alphabet='#()"\n\r\tlfcr0A'))
def test_power_query_gives_back_what_was_quoted(value: str) -> None:
    assert M_TEXT.fullmatch(m_quote(value))
    assert read_m(m_quote(value)) == value
