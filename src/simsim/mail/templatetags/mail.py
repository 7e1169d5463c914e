"""Filters of the mails' layout: styles on each element, a table only for facts, no stray blank lines."""

import re

from django import template
from django.utils.safestring import SafeString, mark_safe

from simsim.mail.inline_styles import dressed

register = template.Library()
_blank_lines = re.compile(r"[ \t]*\n(?:[ \t]*\n)+")


@register.filter
def inlined(html: SafeString) -> SafeString:
    """Return the HTML with its styles on its elements: many mail programs throw a style sheet away."""
    return mark_safe(dressed(html))  # noqa: S308 - the template's own HTML, with what people wrote escaped in it


@register.filter
def tabled(rows: SafeString) -> SafeString:
    """Return the rows in a table of facts, nothing when there are none."""
    return mark_safe(f'<table class="facts">{rows}</table>') if rows.strip() else mark_safe("")  # noqa: S308 - as above


@register.filter
def tidied(text: str) -> str:
    """Return the text with one blank line where its template left several, none at its ends, and one line end."""
    return _blank_lines.sub("\n\n", text).strip() + "\n"


@register.filter
def quoted(text: str) -> str:
    """Return somebody's own words as a mail program quotes them: no line of them can pass for one of ours."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
