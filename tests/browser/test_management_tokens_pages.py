"""Management tokens in a real browser, and the page on which the management API is read and tried out."""

import pytest
from playwright.sync_api import Browser, expect

from browser.visitor import visiting
from stack import Stack


@pytest.mark.covers("B7")
def test_pages_of_management_tokens_follow_the_rules(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as visitor:
        page = visitor.page
        visitor.enter()
        pages = f"{visitor.home}accounts/{stack.account}/management-tokens/"
        page.goto(pages)
        visitor.check_every_look()
        page.get_by_role("link", name="Create management token").click()
        page.get_by_label("Name").fill("GitHub Actions")
        page.get_by_label("Allowed networks").fill("10.0.0.1/8")
        page.get_by_role("button", name="Create management token").click()
        page.get_by_role("alert").wait_for()
        visitor.check_every_look()
        page.get_by_label("Allowed networks").fill("127.0.0.0/8")
        page.get_by_role("checkbox", name="Manage tokens").check()
        page.get_by_role("button", name="Create management token").click()
        page.get_by_label("Username", exact=True).wait_for()
        visitor.check_every_look()
        auth = tuple(page.get_by_label(name, exact=True).input_value() for name in ("Username", "Password"))
        path = f"/api/v1/accounts/{stack.account}/tokens"
        assert stack.get(path, port=stack.console_port, auth=(auth[0], auth[1])).status == 200
        page.goto(pages)
        visitor.check_every_look()
        page.get_by_role("link", name="Revoke… GitHub Actions").click()
        visitor.check_every_look()
        page.get_by_role("button", name="Revoke management token").click()
        page.get_by_role("status").wait_for()
        assert stack.get(path, port=stack.console_port, auth=(auth[0], auth[1])).status == 401
        assert visitor.complaints == []


@pytest.mark.covers("B7")
def test_the_api_is_read_and_tried_out_under_the_policy(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as visitor:
        page = visitor.page
        visitor.enter()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{visitor.home}api/v1/docs#/Notices/set_notices")
        page.get_by_role("button", name="Try it out").click()
        page.get_by_placeholder("account_id").fill(stack.account)
        page.get_by_placeholder("If-Match").fill("*")
        page.locator("textarea").first.fill('{"early_days": [14]}')
        page.get_by_role("button", name="Execute").click()
        # The change needs the console's cookie and its CSRF token.
        expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
        assert asked
        assert [url for url in asked if not url.startswith(visitor.home)] == []
        assert visitor.complaints == []
