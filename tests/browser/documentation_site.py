"""The documentation site as `make docs` builds it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

ROOT = Path(__file__).parents[2]
SITE = ROOT / "src/simsim/console/site"
# Links to the reader's own server, and to pages outside the site.
CONSOLE = "/"


def build() -> None:
    """Build the site with the command of the Makefile; a warning is an error."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    command = re.search(r"^\t\.venv/bin/python (-m sphinx .*)$", recipe, re.MULTILINE)
    assert command, "the Makefile builds no site"
    done = subprocess.run(
        [sys.executable, *command[1].split()], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Page(HTMLParser):
    """A page's references, its anchors, and its violations of the policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.files: list[str] = []
        self.anchors: set[str] = set()
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {given[name] or "" for name in ("id", "name") if name in given}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")
        elif tag in {"link", "img", "script", "iframe", "source"}:
            self.files += [value for value in (given.get("href"), given.get("src")) if value]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]


def pages() -> dict[str, Page]:
    """Return every page of the site by its path."""
    return {
        str(path.relative_to(SITE)): Page(path.read_text(encoding="utf-8")) for path in sorted(SITE.rglob("*.html"))
    }


def target(page: str, address: str) -> tuple[str, str] | None:
    """Return the path and the anchor of a link in a page, None for another host or the console."""
    if urlsplit(address).scheme or address == CONSOLE:
        return None
    path, anchor = urldefrag(address)
    if not path:
        return page, unquote(anchor)
    parts: list[str] = page.split("/")[:-1]
    for part in urlsplit(path).path.split("/"):
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts), unquote(anchor)


def links_of(page: str, found: Page) -> Iterator[str]:
    """Yield the pages of the site that a page links to."""
    for address in found.links:
        led = target(page, address)
        if led is not None:
            yield led[0]
