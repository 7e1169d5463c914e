"""Values as literals in several languages, quoted so that any text stays one value and is never executed."""

import re
import shlex

# In a string of M, these need an escape: quotation marks, a `#(` that would begin an escape, and line ends.
_needs_an_escape = re.compile(r'"|#(?=\()|[\x00-\x1f\x7f-\x9f\u2028\u2029]')
M_ESCAPES = {'"': '""', "#": "#(#)", "\r": "#(cr)", "\n": "#(lf)", "\t": "#(tab)"}


def shell_quote(value: str) -> str:
    """Return the value as one word of a POSIX shell; it must not contain NUL, which no argument can contain."""
    return shlex.quote(value)


def python_quote(value: str) -> str:
    """Return the value as a Python string literal, in double quotes if that needs no escape, as formatters do."""
    literal = repr(value)
    return f'"{literal[1:-1]}"' if '"' not in value and literal.startswith("'") else literal


def m_quote(value: str) -> str:
    """Return the value as a text literal of Power Query M (language specification, “Character escape sequences”)."""
    return '"' + _needs_an_escape.sub(lambda found: M_ESCAPES.get(found[0]) or f"#({ord(found[0]):04X})", value) + '"'
