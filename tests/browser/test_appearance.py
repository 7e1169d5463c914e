"""How the console looks where it is easily broken: widths in between, long names, colours, paper."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from browser.visitor import Visitor, visiting
from stack import PASSWORD, Stack

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
        visitor.enter()
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
    page.get_by_role("region", name="Request").get_by_text("is not in the only network").wait_for()


def test_refused_requests_differ_from_those_let_in_by_more_than_colour(alice: Visitor) -> None:
    page = alice.page
    page.goto(alice.tokens.replace("/tokens/", "/usage/"))
    style = "(element, [part, name]) => getComputedStyle(element, part)[name]"
    for place in (".chart path.refused", ".bar .refused"):
        assert "#stripes" in page.locator(place).first.evaluate(style, [None, "fill"])
    assert page.locator("#stripes").count() == 1
    legend = page.locator(".legend")
    refused, accepted = legend.locator(".refused"), legend.locator(".accepted")
    assert "gradient" in refused.evaluate(style, ["::before", "backgroundImage"])
    page.emulate_media(forced_colors="active")
    assert "gradient" in refused.evaluate(style, ["::before", "backgroundImage"])
    swatch = accepted.evaluate(style, ["::before", "backgroundColor"])
    assert swatch == accepted.evaluate(style, [None, "color"]), "the legend is not seen in forced colours"
    page.emulate_media(forced_colors="none")


def test_field_with_the_focus_has_a_solid_ring(alice: Visitor) -> None:
    page = alice.page
    resize(page, 1280)
    page.goto(alice.tokens)
    page.get_by_role("searchbox").focus()
    assert page.get_by_role("searchbox").evaluate("e => getComputedStyle(e).outline") == "rgb(11, 107, 93) solid 3px"


def test_printout_has_no_menu_and_no_buttons_and_warns_of_the_password(alice: Visitor) -> None:
    page = alice.page
    alice.create("On paper")
    warning = page.get_by_text("Lock it away, and shred it")
    assert not warning.is_visible()
    page.emulate_media(media="print", color_scheme="dark")
    assert warning.is_visible()
    for role in ("navigation", "button", "banner"):
        assert not any(each.is_visible() for each in page.get_by_role(role).all())
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 36, 33)", "dark theme on white paper"
    page.emulate_media(media="screen", color_scheme="light")


def test_error_of_the_api_is_not_shown_in_green(alice: Visitor) -> None:
    page, stack = alice.page, alice.stack
    token = stack.create_token("Fails")
    stack.get("/status/503", auth=(token["username"], token["password"]))
    stack.wait_until(lambda: stack.log_rows(endpoint="/status/503"), "the log has its row")
    page.goto(alice.tokens.replace("/tokens/", "/logs/?endpoint=/status/503"))
    assert page.locator("tbody .badge-plain").inner_text() == "Let in, API error"
    assert page.locator("tbody .badge-good").count() == 0


def test_focus_is_on_the_wrong_field_after_a_failed_sign_in_and_a_failed_change(
    browser: Browser, stack: Stack, alice: Visitor
) -> None:
    focused = "document.activeElement.name"
    with visiting(browser, stack) as visitor:
        visitor.sign_in(password="wrong")
        visitor.page.get_by_text("not correct").wait_for()
        assert visitor.page.evaluate(focused) == "password"
    page = alice.page
    page.goto(f"{alice.home}sign-in/password/change/")
    page.locator("[name=oldpassword]").fill(PASSWORD)
    for field in ("password1", "password2"):
        page.locator(f"[name={field}]").fill("short")
    page.get_by_role("button", name="Change password").click()
    page.locator(".invalid-feedback").first.wait_for()
    assert page.evaluate(focused) == "password1"


def test_account_switcher_covers_no_link_of_the_menu(stack: Stack, alice: Visitor) -> None:
    page = alice.page
    stack.simsim("user", "create", "alice@acme.example", "--account", stack.other_account, "--role", "member")
    page.goto(alice.home)
    page.get_by_role("link", name="Acme").click()
    page.wait_for_url("**/tokens/")
    for width in (1280, 390):
        resize(page, width)
        page.reload()
        page.locator(".switch summary").click()
        alice.check()
        listed = page.locator(".switch ul").bounding_box()
        menu = page.get_by_role("navigation", name="Main")
        assert listed is not None
        for link in menu.get_by_role("link").all():
            box = link.bounding_box()
            is_below = box and box["y"] >= listed["y"] + listed["height"]
            assert not link.is_visible() or is_below, f"{link.inner_text()} at {width} px"
    stack.simsim("user", "remove", "alice@acme.example", "--account", stack.other_account)
