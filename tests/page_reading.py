"""A page's HTML in one form, however its templates are wrapped."""

import re


def folded(page: str) -> str:
    """Return the HTML with one space for each run of white space, and none between tags or at an element's ends."""
    page = re.sub(r"[ \n]+", " ", page)
    return re.sub(r"(?<=<[a-z])([^<>]*>) ", r"\1", page).replace("> <", "><").replace(" </", "</")
