"""Reads pages: their HTML in one form, however its templates are wrapped, and what a person reads of them."""

import html
import re
from typing import Any

HTMX = {"HX-Request": "true"}


def folded(page: str) -> str:
    """Return the HTML with one space for each run of white space, and none between tags or at an element's ends."""
    page = re.sub(r"[ \n]+", " ", page)
    return re.sub(r"(?<=<[a-z])([^<>]*>) ", r"\1", page).replace("> <", "><").replace(" </", "</")


def text_of(answer: Any) -> str:
    """Return what a person reads of a page, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def names_in(answer: Any) -> list[str]:
    return re.findall(r'class="name"[^>]*><bdi>([^<]*)</bdi>', answer.content.decode())
