"""The pages of an access review in a real browser: starting it, deciding, and signing it off."""

import pytest
from playwright.sync_api import Browser, expect

from browser.looks import look
from browser.visitor import visiting
from stack import Stack


@pytest.mark.timeout(600)
def test_review_is_started_decided_and_signed_off(browser: Browser, stack: Stack) -> None:
    stack.create_token(
        "Quarterly figures", "--description", "The dashboards of the finance team", "--software", "power-bi",
        "--allow", "198.51.100.0/24",
    )  # fmt: skip
    with visiting(browser, stack) as visitor:
        page = visitor.page
        visitor.enter()
        page.goto(visitor.tokens)
        visitor.follow("Access reviews")
        look(visitor, "reviews")
        page.get_by_role("button", name="Start a review").click()
        expect(page.get_by_role("status")).to_contain_text("The review has started")
        row = page.get_by_role("row").filter(has_text="Quarterly figures")
        row.get_by_text("Shorten, revoke or add a note").click()
        look(visitor, "review")
        row.get_by_label("Let it expire on").fill("2090-01-31")
        row.get_by_role("button", name="Shorten").click()
        expect(page.get_by_role("alert")).to_contain_text("Nothing was decided")
        look(visitor, "review-error")
        row.get_by_label("Note").fill("Needed until the migration")
        row.get_by_role("button", name="Keep with this note").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("“Quarterly figures” is kept")
        page.get_by_text("Keep all undecided entries of").click()
        page.get_by_role("button", name="Keep them all").press("Enter")
        expect(page.get_by_text("Every entry is decided")).to_be_visible()
        visitor.follow("Sign off…")
        page.get_by_label("Your name").fill("Alice Liddell")
        look(visitor, "review-sign-off")
        page.get_by_label("Your name").press("Enter")
        expect(page.get_by_role("heading", name="Access review")).to_be_visible()
        expect(page.get_by_text("Signed off by")).to_contain_text("Alice Liddell")
        look(visitor, "review-signed-off")
        page.get_by_role("link", name="Access reviews").first.click()
        expect(page.get_by_role("table")).to_contain_text("Alice Liddell")
        assert visitor.complaints == []
