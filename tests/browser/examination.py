"""What is kept of a tour through pages: every page is visited once, and each test judges one thing about all."""

from collections.abc import Callable, Iterator
from pathlib import Path

from browser.html_checker import Served, complaints
from browser.visitor import Visitor
from browser.wire import Wire


class Examination:
    """The pages' violations of the rules, the bytes of each without a cache, and the HTML that was served."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.weights: dict[str, int] = {}
        self.html: dict[str, bytes] = {}

    def examine(self, visitor: Visitor, tour: Callable[[Visitor], Iterator[str]], *more_sizes: tuple[int, int]) -> None:
        """Go on a tour, with an empty cache on each page."""
        session = visitor.page.context.new_cdp_session(visitor.page)
        wire, served = Wire(session), Served(visitor)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        for name in tour(visitor):
            assert name not in self.html, f"two pages are called {name!r}"
            self.html[name] = served.text
            try:
                visitor.check_every_look(*more_sizes)
            except AssertionError as fault:
                self.faults.append(f"{name}: {fault}")
                visitor.complaints.clear()
            visitor.page.wait_for_load_state("networkidle")
            assert wire.files, f"{name}: nothing was fetched, so nothing was measured"
            self.weights[name] = wire.bytes

    def mistakes(self, directory: Path) -> list[str]:
        """Write the pages into a directory, and return the mistakes in their HTML; the checker must see one of ours."""
        for number, text in enumerate([BROKEN, *self.html.values()]):
            (directory / f"{number}.html").write_bytes(text)
        found = complaints(directory)
        told = "\n".join(found.pop("0"))
        for mistake in ("Duplicate ID", "must be the ID of", "not allowed as child of element"):
            assert mistake in told, "the checker sees nothing, so it would see no mistake of ours either"
        names = list(self.html)
        return [f"{names[int(stem) - 1]}: {each}" for stem, judged in sorted(found.items()) for each in judged]


BROKEN = b'<!doctype html><html lang="en"><title>x</title><p id="a"><p id="a"><label for="b">y</label><ul><p></ul>'
