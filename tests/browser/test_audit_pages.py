"""The page *Audit trail* in a real browser: what was done, found by its filters, and taken away as a file."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import preloaded
from browser.html_checker import Served, complaints
from browser.profiles import NARROW, WIDE
from browser.visitor import Visitor, visiting
from stack import Stack

pytestmark = pytest.mark.covers("B6")


def tour(visitor: Visitor) -> Iterator[str]:
    """Show the page full, on its second page, without a match, and with an invalid filter."""
    page, trail = visitor.page, f"{visitor.home}accounts/{visitor.stack.account}/audit/"
    page.goto(trail)
    page.get_by_role("row").nth(1).wait_for()
    yield "audit trail"
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Back to the newest").wait_for()
    yield "audit trail, older"
    page.goto(f"{trail}?who=nobody@acme.example")
    page.get_by_text("No events match these filters").wait_for()
    yield "audit trail, none found"
    page.goto(f"{trail}?since=yesterday&kind=all&token={uuid.uuid4()}")
    page.get_by_role("alert").wait_for()
    yield "audit trail, invalid filters"


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    """The id of a token with a long history."""
    made: str = stack.create_token("Month-end reconciliation, Frankfurt", "--allow", "198.51.100.0/24")["id"]
    stack.simsim("token", "edit", made, "--as", "alice@acme.example", "--name", "x" * 200, "--allow", "2001:db8::/48")
    lines = "".join(json.dumps({"name": f"Many {number}", "expires": "30d"}) + "\n" for number in range(60))
    imported = ["token", "import", "-", "--account", stack.account, "--as", "alice@acme.example", "--no-notice"]
    assert preloaded.run(imported, env=stack.environment, stdin=lines).returncode == 0
    return made


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_administrator_finds_who_changed_a_token_and_exports_it(
    browser: Browser, stack: Stack, token: str, size: tuple[int, int], tmp_path: Path
) -> None:
    with visiting(browser, stack, size) as visitor:
        page = visitor.page
        visitor.enter()
        visitor.follow("Audit trail")
        page.wait_for_url("**/audit/")
        if size == NARROW:
            page.locator("summary", has_text="Filters").click()
        page.get_by_label("Token", exact=True).select_option(value=token)
        page.get_by_role("button", name="Apply filters").click()
        page.wait_for_url(f"**{token}**")
        edited = page.get_by_role("row").filter(has_text="Edited the token")
        expect(edited).to_contain_text("198.51.100.0/24")
        expect(edited).to_contain_text("2001:db8::/48")
        expect(edited).to_contain_text("Command line")
        page.locator("summary", has_text="Export").click()
        with page.expect_download() as download:
            page.get_by_role("link", name="JSON lines, for a program").click()
        download.value.save_as(tmp_path / "trail.jsonl")
        events = [json.loads(line) for line in (tmp_path / "trail.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [event["event"] for event in events] == ["token.edited", "token.created"]
        assert {event["subject_id"] for event in events} == {token}


def test_pages_follow_the_rules(browser: Browser, stack: Stack, token: str, tmp_path: Path) -> None:
    with visiting(browser, stack) as visitor:
        served = Served(visitor)
        visitor.enter()
        for name in tour(visitor):
            visitor.check_every_look()
            (tmp_path / f"{name}.html").write_bytes(served.text)
    found = complaints(tmp_path)
    assert len(found) == 4
    assert not any(found.values()), found
