"""A value as a literal of a language: whatever it holds, it stays one value and runs nothing."""

import re
import shlex

# What can't stand in a string of M as it is: a quotation mark, a `#(` that begins an escape, and what ends a line.
_needs_an_escape = re.compile(r'"|#(?=\()|[\x00-\x1f\x7f-\x9f\u2028\u2029]')
M_ESCAPES = {'"': '""', "#": "#(#)", "\r": "#(cr)", "\n": "#(lf)", "\t": "#(tab)"}


def shell_quote(value: str) -> str:
    """Return the value as one word of a POSIX shell; it must hold no NUL, which no argument can."""
    return shlex.quote(value)


def python_quote(value: str) -> str:
    """Return the value as a Python string literal, in double quotes where that needs no escape, as formatters write."""
    literal = repr(value)
    return f'"{literal[1:-1]}"' if '"' not in value and literal.startswith("'") else literal


def m_quote(value: str) -> str:
    """Return the value as a text literal of Power Query M (language specification, “Character escape sequences”)."""
    return '"' + _needs_an_escape.sub(lambda found: M_ESCAPES.get(found[0]) or f"#({ord(found[0]):04X})", value) + '"'
