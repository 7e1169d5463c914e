"""A person at a browser: acts on pages as people do, and collects the pages' errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from browser import profiles
from browser.profiles import NARROW, WIDE, Scheme
from stack import PASSWORD, Stack

NARROWEST = 320
FOCUSED = """(e => e === document.body ? "" : e.getAttribute("aria-label") ?? e.labels?.[0]?.innerText ?? e.innerText)(
    document.activeElement)"""
Rules = dict[str, object]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES: Rules = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
# A scheme only changes colours, so the other rules find the same in both.
COLOUR_RULES: Rules = RULES | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
SCHEME = "document.documentElement.dataset.bsTheme"
# A transition is brought to its end, to which one in what is folded would not come. What moves without an end stays.
SETTLED = """async scheme => {
    const frame = () => new Promise((done, late) => {
        requestAnimationFrame(done);
        setTimeout(() => late(`no frame of ${location} in ten seconds`), 10000);
    });
    const deadline = Date.now() + 10000;
    while (document.documentElement.dataset.bsTheme !== scheme) {
        if (Date.now() > deadline) throw new Error(`${location} is not ${scheme} after ten seconds`);
        await frame();
    }
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

    def enter(self, email: str = "alice@acme.example") -> None:
        """Open the first page of somebody who is signed in already: by the form now, or earlier in this browser."""
        if profiles.restore_session(self.page.context, email):
            self.page.goto(self.home)
            self.page.wait_for_url("**/accounts/**")
        else:
            self.sign_in(email)
            self.page.wait_for_url("**/accounts/**")
            profiles.keep_session(self.page.context, email)

    def sign_in(self, email: str = "alice@acme.example", password: str = PASSWORD) -> None:
        """Fill in and send the form of the sign-in; does not wait for what follows."""
        self.page.goto(self.home)
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def create(self, name: str) -> None:
        """Fill in and send *Create token*; the page with the credentials follows."""
        self.page.goto(f"{self.tokens}new/")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_role("button", name="Create token").last.click()
        self.page.get_by_role("heading", name=name).wait_for()

    def follow(self, name: str) -> None:
        """Click the last link of that name, and wait until the page that it leads to has loaded."""
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name).last.click()

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

    def check(self, rules: Rules = RULES) -> None:
        """Check the rules for every page: accessible, no wider than the window, no script errors."""
        results = judged(self.page, rules)
        look = f"{self.page.url}, {self.page.viewport_size}, {self.page.evaluate(SCHEME)}"
        assert results.violations_count == 0, f"{look}: {results.generate_report()}"
        self.check_width()
        assert self.complaints == []

    def check_width(self) -> None:
        """Hold the page to the width of its window."""
        overflow = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow == 0, f"{self.page.url} is {overflow} px wider than {self.page.viewport_size}"

    def check_every_look(self, *more: tuple[int, int]) -> None:
        """Check the page wide and narrow, light and dark, and in more sizes; restore the first look.

        An open page adapts to its window and its scheme, so it is not reloaded. `tests/proof` loads it in each look.
        """
        self.page.wait_for_load_state()
        loaded: Scheme = self.page.evaluate(SCHEME)
        scheme = loaded
        size = self.page.viewport_size
        assert size is not None
        first = (size["width"], size["height"])
        for each in sorted({WIDE, NARROW, *more} | {first}, key=lambda one: one != first):
            self.resize(each)
            self.turn(scheme)
            self.check()
            scheme = "dark" if scheme == "light" else "light"
            self.turn(scheme)
            self.check(COLOUR_RULES)
            if each == NARROW:
                self.resize((NARROWEST, NARROW[1]))
                self.check_width()
        self.resize(first)
        self.turn(loaded)

    def resize(self, size: tuple[int, int]) -> None:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})

    def turn(self, scheme: Scheme) -> None:
        """Change to a colour scheme, and wait until the page has changed."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.evaluate(SETTLED, scheme)


def judged(page: Page, rules: Rules = RULES) -> AxeResults:
    """Return axe's findings about the page in its current look."""
    is_there = page.evaluate("'axe' in window")
    return Axe("" if is_there else AXE_SCRIPT).run(page, options=rules)


@contextmanager
def visiting(
    browser: Browser, stack: Stack, size: tuple[int, int] = WIDE, scheme: Scheme = "light", *,
    scripts: bool = True, is_new: bool = False,
) -> Iterator[Visitor]:  # fmt: skip
    """Open a separate window for the duration of the block; a new one has an empty cache."""
    resting = f"http://localhost:{stack.console_port}/healthz"
    with profiles.lent(browser, resting, scripts=scripts, is_new=is_new) as profile:
        page = profile.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=scheme)
        yield Visitor(page, stack, f"{size[0]} {scheme}")
