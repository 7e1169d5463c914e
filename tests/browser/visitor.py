"""A person at a browser: acts on pages as people do, and collects the pages' errors."""

import contextlib
import re
import time
from collections.abc import Iterator
from typing import Any, Literal

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as BrowserTimeout

from stack import PASSWORD, Stack

Scheme = Literal["light", "dark"]
WIDE, NARROW = (1280, 860), (360, 740)
NARROWEST = 320
# Every page is loaded in both widths and in both schemes: see `check_light_and_dark`.
LOADS: list[tuple[tuple[int, int], Scheme]] = [(WIDE, "light"), (NARROW, "dark")]
FOCUSED = """(e => e === document.body ? "" : e.getAttribute("aria-label") ?? e.labels?.[0]?.innerText ?? e.innerText)(
    document.activeElement)"""
RULES = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
# The rules of which a colour scheme can break one that holds in the other.
COLOURS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}
# A session is used again for this long, which is shorter than the time after which a person must confirm who they are.
SESSION_SECONDS = 120
SCHEME = "document.documentElement.dataset.bsTheme"
# A transition is brought to its end, to which one in what is folded would not come. What moves without an end stays.
SETTLED = """async scheme => {
    const frame = () => new Promise(done => requestAnimationFrame(done));
    while (document.documentElement.dataset.bsTheme !== scheme) await frame();
    await frame();
    for (const each of document.getAnimations())
        if (each.effect.getComputedTiming().endTime !== Infinity) each.finish();
}"""


class Visitor:
    """One window of one person; `complaints` are the errors that scripts and the policy raised."""

    def __init__(self, page: Page, stack: Stack, look: str = "") -> None:
        self.page, self.stack, self.look = page, stack, look
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        # A form with an error gets 4xx, which the browser also reports.
        page.on(
            "console",
            lambda line: (
                self.complaints.append(line.text)
                if line.type == "error" and "Failed to load resource" not in line.text
                else None
            ),
        )

    @property
    def home(self) -> str:
        return f"http://localhost:{self.stack.console_port}/"

    @property
    def tokens(self) -> str:
        return f"{self.home}accounts/{self.stack.account}/tokens/"

    def sign_in(self, email: str = "alice@acme.example", password: str = PASSWORD) -> None:
        """Sign in through the form, or with the session of somebody who did so a moment ago on this installation."""
        began, cookies = self.stack.sessions.get(email, (0.0, []))
        is_known = password == PASSWORD and time.monotonic() - began < SESSION_SECONDS
        if is_known:
            self.page.context.add_cookies(cookies)
        self.page.goto(self.home)
        if is_known and "/sign-in/" not in self.page.url:
            return
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        if password != PASSWORD:
            return
        with contextlib.suppress(BrowserTimeout):  # somebody who may not sign in any more
            self.page.wait_for_url(lambda url: "/sign-in/" not in url, timeout=5000)
            self.stack.sessions[email] = (time.monotonic(), self.page.context.cookies())

    def create(self, name: str) -> None:
        """Fill in and send *Create token*; the page with the credentials follows."""
        self.page.goto(f"{self.tokens}new/")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_role("button", name="Create token").last.click()
        self.page.get_by_role("heading", name=name).wait_for()

    def tab_to(self, name: str) -> None:
        """Press Tab until the named element has the focus."""
        for _ in range(80):
            self.page.keyboard.press("Tab")
            self.page.wait_for_load_state()
            focused = self.page.evaluate(FOCUSED)
            if name in " ".join((focused or "").split()):
                return
        raise AssertionError(f"Tab does not lead to {name!r}")

    def press(self, name: str, *, by_keyboard: bool) -> None:
        """Use the link, button or choice of that name, by the pointer or only by Tab and Enter."""
        named = [self.page.get_by_role(role, name=name) for role in ("button", "link", "radio", "checkbox")]
        found = named[0].or_(named[1]).or_(named[2]).or_(named[3]).last
        if by_keyboard:
            found.wait_for()
            self.tab_to(name)
            is_choice = self.page.evaluate("['radio', 'checkbox'].includes(document.activeElement.type)")
            self.page.keyboard.press("Space" if is_choice else "Enter")
        else:
            found.click()

    def type_into(self, label: str, text: str, *, by_keyboard: bool) -> None:
        """Replace the text of the field whose label begins with that text."""
        if by_keyboard:
            self.tab_to(label)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text)
        else:
            beginning = re.compile(f"^{label}")
            fields = [self.page.get_by_role(role, name=beginning) for role in ("textbox", "combobox")]
            fields[0].or_(fields[1]).first.fill(text)

    def check(self, rules: Any = RULES) -> None:
        """Check the rules for every page: accessible, no wider than the window, no script errors."""
        results = judged(self.page, rules)
        assert results.violations_count == 0, f"{self.page.evaluate(SCHEME)}: {results.generate_report()}"
        self.check_width()
        assert self.complaints == []

    def check_width(self) -> None:
        """Hold the page to the width of its window."""
        overflow = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow == 0, f"{self.page.url} is {overflow} px wider than {self.page.viewport_size}"

    def check_light_and_dark(self) -> None:
        """Check the page in its present colour scheme; a wide one also in the other, whose colours alone are different.

        A narrow page is measured at the narrowest width instead: its colours are those of the wide one.
        """
        loaded: Scheme = self.page.evaluate(SCHEME)
        other: Scheme = "dark" if loaded == "light" else "light"
        self.turn(loaded)
        self.check()
        if (size := self.page.viewport_size) and size["width"] == NARROW[0]:
            self.page.set_viewport_size({"width": NARROWEST, "height": size["height"]})
            self.check_width()
            self.page.set_viewport_size(size)
            return
        self.turn(other)
        self.check(COLOURS)
        self.page.emulate_media(color_scheme=loaded)

    def turn(self, scheme: Scheme) -> None:
        """Change to a colour scheme, and wait until the page has changed."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.evaluate(SETTLED, scheme)


def judged(page: Page, rules: Any = RULES) -> AxeResults:
    """Return axe's findings about the page in its current look."""
    is_there = page.evaluate("'axe' in window")
    return Axe("").run(page, options=rules) if is_there else Axe().run(page, options=rules)


@contextlib.contextmanager
def visiting(
    browser: Browser, stack: Stack, size: tuple[int, int] = WIDE, scheme: Scheme = "light", *, scripts: bool = True
) -> Iterator[Visitor]:
    """Open a separate window for the duration of the block."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        java_script_enabled=scripts,
        permissions=["clipboard-read", "clipboard-write"],
    )
    try:
        yield Visitor(context.new_page(), stack, f"{size[0]} {scheme}")
    finally:
        context.close()
