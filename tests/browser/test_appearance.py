"""How the console looks where it is easily broken: widths in between, long names, colours, paper."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from browser.visitor import Visitor, visiting
from stack import Stack

LONG_NAME = "Quarterly consolidation of the northern subsidiaries and all of their warehouses, nightly run " * 2
LONG_ADDRESS = "2001:db8:1234:5678:9abc:def0:1234:5678"
LINES = """element => {
    const height = parseFloat(getComputedStyle(element).lineHeight);
    return Math.round(element.getBoundingClientRect().height / height);
}"""


@pytest.fixture(scope="module")
def alice(browser: Browser, stack: Stack) -> Iterator[Visitor]:
    """Alice, signed in, in one window for the whole module; Acme has a token with a long name and a refused request."""
    stack.create_token(LONG_NAME.strip(), "--allow", LONG_ADDRESS)
    narrow = stack.create_token("Elsewhere", "--allow", "192.0.2.0/24")
    stack.get("/api/v2/entities", auth=(narrow["username"], narrow["password"]))
    stack.wait_until(lambda: stack.log_rows(endpoint="/api/v2/entities"), "the log has its row")
    with visiting(browser, stack) as visitor:
        visitor.sign_in()
        visitor.page.wait_for_url("**/tokens/")
        yield visitor


def resize(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 860})


def test_one_long_name_or_address_breaks_no_row_of_the_tokens_at_any_width(alice: Visitor) -> None:
    page = alice.page
    page.goto(alice.tokens)
    name = page.get_by_role("link", name=LONG_NAME.strip())
    assert name.get_attribute("title") == LONG_NAME.strip(), "the part that is cut off can be read nowhere"
    for width in (320, 390, 700, 993, 1100, 1180, 1440):
        resize(page, width)
        alice.check_width()
        assert name.evaluate(LINES) <= 2, f"the name has more than two lines at {width} px"
        box = name.bounding_box()
        assert box is not None
        assert box["width"] >= 200, f"the name has {box['width']} px at {width} px"


def test_menu_is_one_line_on_a_narrow_screen_and_shows_where_one_is(alice: Visitor) -> None:
    page = alice.page
    resize(page, 390)
    page.goto(alice.tokens.replace("/tokens/", "/notices/"))
    menu = page.get_by_role("navigation", name="Main")
    tops = {link.bounding_box()["y"] for link in menu.get_by_role("link").all() if link.is_visible()}  # type: ignore[index]
    assert len(tops) == 1
    here = menu.locator("[aria-current=page]")
    assert here.inner_text().strip() == "Notices"
    box = here.bounding_box()
    assert box is not None
    assert 0 <= box["x"] <= 390 - box["width"], "the menu does not begin where one is"


def test_request_in_the_log_is_two_lines_that_open_on_a_narrow_screen(alice: Visitor) -> None:
    page = alice.page
    resize(page, 390)
    page.goto(alice.tokens.replace("/tokens/", "/logs/"))
    row = page.locator(".log-rows tbody tr").first
    box = row.bounding_box()
    assert box is not None
    assert box["height"] < 75, "more than two lines"
    assert "Refused 401" in " ".join(row.inner_text().split())
    row.click(position={"x": box["width"] - 10, "y": 10})
    page.get_by_role("region", name="Request").get_by_text("is not in the one network").wait_for()
