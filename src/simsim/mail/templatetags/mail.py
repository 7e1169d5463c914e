"""Filters for the emails' layout: inline styles, a table only where there are facts, single blank lines."""

import re

from django import template
from django.utils.safestring import SafeString, mark_safe

from simsim.mail.inline_styles import with_inline_styles

register = template.Library()
_blank_lines = re.compile(r"[ \t]*\n(?:[ \t]*\n)+")


@register.filter
def inlined(html: SafeString) -> SafeString:
    """Return the HTML with its styles on its elements, because many email programs drop a style sheet."""
    return mark_safe(with_inline_styles(html))  # noqa: S308 - the template's own HTML, with what people wrote escaped in it


@register.filter
def tabled(rows: SafeString) -> SafeString:
    """Return the rows in a table of facts; "" without rows."""
    return mark_safe(f'<table class="facts">{rows}</table>') if rows.strip() else mark_safe("")  # noqa: S308 - as above


@register.filter
def tidied(text: str) -> str:
    """Return the text without repeated blank lines, without any at its ends, and with one final newline."""
    return _blank_lines.sub("\n\n", text).strip() + "\n"


@register.filter
def quoted(text: str) -> str:
    """Return a person's text quoted line by line, so that none of its lines can pass for one of ours."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
