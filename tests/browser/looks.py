"""Looks at a page as its visitors see it: wide and narrow, light and dark; with TEST_PICTURES, it keeps pictures."""

import os
from pathlib import Path

from browser.profiles import Scheme
from browser.visitor import Visitor

# The directory for a picture of each page, for those who want to look at them.
PICTURES = os.environ.get("TEST_PICTURES", "")


def look(visitor: Visitor, name: str) -> None:
    visitor.check_every_look()
    if PICTURES:
        for size in ((1280, 860), (360, 740)):
            visitor.resize(size)
            schemes: tuple[Scheme, ...] = ("light", "dark")
            for scheme in schemes:
                visitor.turn(scheme)
                visitor.page.screenshot(path=Path(PICTURES) / f"{name}-{size[0]}-{scheme}.png", full_page=True)
        visitor.resize((1280, 860))
        visitor.turn("light")


def show(visitor: Visitor, name: str) -> None:
    """Look at a page that has the parts of others only when somebody wants to see its picture."""
    if PICTURES:
        look(visitor, name)
