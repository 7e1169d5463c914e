"""The demo's mail page in a browser: it lists the mails, shows each, and runs nothing in it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from browser.profiles import NARROW, WIDE, Scheme
from browser.visitor import COLOUR_RULES, RULES, judged
from demo_mail_catcher import HOSTILE, Catcher
from mail_reading import letter
from mail_samples import samples

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
ATTACK = (
    f"<script>alert(1)</script><img src=x onerror=alert(2)><img src=https://evil.example/x.png>{HOSTILE}<p>Read me</p>"
)


@pytest.fixture(scope="module")
def catcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catcher]:
    running = Catcher(tmp_path_factory.mktemp("mail"))
    for sample in samples():
        received = letter(sample.mail)
        running.send(str(received.parsed["Subject"]), received.text, received.html)
    running.send("W" * 150, "x" * 400, ATTACK)
    yield running
    assert running.stop() == 0


def checked(page: Page, schemes: tuple[Scheme, Scheme]) -> None:
    """Apply the rules in the first scheme, and those about colours in the other, and return to the first."""
    for scheme, rules in zip(schemes, (RULES, COLOUR_RULES), strict=True):
        page.emulate_media(color_scheme=scheme)
        results = judged(page, rules)
        assert results.violations_count == 0, f"{scheme}: {results.generate_report()}"
    page.emulate_media(color_scheme=schemes[0])
    assert page.evaluate(WIDER) == 0


@pytest.mark.covers("R8", "B9")
@pytest.mark.parametrize(("size", "schemes"), [(WIDE, ("light", "dark")), (NARROW, ("dark", "light"))], ids=str)
def test_newcomer_finds_a_mail_and_reads_it(
    browser: Browser, catcher: Catcher, size: tuple[int, int], schemes: tuple[Scheme, Scheme]
) -> None:
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=schemes[0]).new_page()
    page.goto(f"http://127.0.0.1:{catcher.port}/")
    checked(page, schemes)
    page.get_by_role("link", name="New API token “Finance dashboards” in Acme").first.click()
    shown = page.frame_locator("iframe")
    shown.get_by_role("heading", name="What happened").wait_for()  # the frame loads after the page
    assert shown.get_by_role("link", name="I don’t recognise this token").is_visible()
    assert "Name: Finance dashboards" in page.locator("pre").inner_text()
    checked(page, schemes)
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        paper = shown.locator("td.sheet").evaluate("cell => getComputedStyle(cell).backgroundColor")
        assert paper == ("rgb(24, 32, 29)" if scheme == "dark" else "rgb(255, 255, 255)")
    page.get_by_role("link", name="All mail").click()
    assert page.get_by_role("listitem").count() == len(list(samples())) + 1


@pytest.mark.covers("B9")
def test_hostile_mail_does_nothing_in_its_frame(browser: Browser, catcher: Catcher) -> None:
    page = browser.new_context().new_page()
    happened: list[str] = []
    page.on("dialog", lambda dialog: happened.append(dialog.message))
    refused: dict[str, str | None] = {}
    page.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
    page.goto(f"http://127.0.0.1:{catcher.port}/")
    page.get_by_role("link", name="WWW").click()
    page.frame_locator("iframe").get_by_text("Read me").wait_for()
    assert happened == []
    assert "https://evil.example/x.png" in refused
    assert set(refused.values()) == {"csp"}
    assert page.evaluate(WIDER) == 0
