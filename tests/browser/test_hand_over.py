"""A token is handed over in a real browser: programs open the link first, and still the person gets the credentials."""

import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.profiles import NARROW, WIDE, Scheme
from browser.visitor import Visitor, visiting
from simsim.credential.password import whole_ones
from stack import Stack

PREVIEWS = (
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "facebookexternalhit/1.1", "WhatsApp/2.23.20.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", "TelegramBot (like TwitterBot)",
    "Barracuda Sentinel (EE)",
)  # fmt: skip


def make_link(alice: Visitor, token: str, *, with_code: bool = False) -> tuple[str, str]:
    """Make a link as an administrator does; return it and the code."""
    page = alice.page
    alice.enter()
    page.goto(f"{alice.tokens}{token}/")
    alice.follow("Hand over…")
    if with_code:
        page.get_by_label("Also ask for a code").check()
    alice.check()
    page.get_by_role("button", name="Create link").click()
    link = page.get_by_label("Link", exact=True).input_value()
    alice.check()
    return link, page.get_by_label("Code", exact=True).input_value() if with_code else ""


def fetched_by_programs(link: str) -> None:
    """Fetch a link as programs do that show previews, and as mail filters do."""
    for agent in PREVIEWS:
        for method in ("HEAD", "GET"):
            asked = urllib.request.Request(link, headers={"User-Agent": agent}, method=method)
            with urllib.request.urlopen(asked) as answer:
                assert answer.status == 200
                assert whole_ones(answer.read().decode()) == []


def shown_password(page: Page) -> str:
    return page.get_by_label("Password", exact=True).input_value()


@pytest.mark.covers("B14")
@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
def test_person_gets_the_credentials_after_programs_have_opened_the_link(
    browser: Browser, stack: Stack, tmp_path: Path, size: tuple[int, int], scheme: Scheme
) -> None:
    token = stack.create_token(f"Handed over {size[0]}")
    with visiting(browser, stack, size, scheme) as alice, visiting(browser, stack, size, scheme) as tom:
        link, _ = make_link(alice, token["id"])
        fetched_by_programs(link)
        addresses: list[str] = []
        page = tom.page
        page.on("request", lambda request: addresses.append(f"{request.url} {request.headers}"))
        page.goto(link)
        expect(page.get_by_label("The link")).to_be_hidden()
        assert page.url == f"{tom.home}hand-over/"
        tom.check()
        page.get_by_role("button", name="Show username and password").click()
        page.get_by_label("Username", exact=True).wait_for()
        assert shown_password(page) == token["password"]
        tom.check()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download as .env").click()
        saved = Path(tmp_path / "file.env")
        download.value.save_as(saved)
        assert f"SIMSIM_PASSWORD={token['password']}\n" in saved.read_text(encoding="utf-8")
        secret = link.partition("#")[2]
        for copied in (secret, token["password"]):
            assert not [each for each in (*addresses, page.url) if copied in each]

        with visiting(browser, stack, size, scheme) as late:
            late.page.goto(link)
            late.page.get_by_role("button", name="Show username and password").click()
            expect(late.page.get_by_role("alert")).to_contain_text("It was used on")
            late.check()
        alice.page.goto(f"{alice.tokens}{token['id']}/")
        expect(alice.page.locator("#hand-overs")).to_contain_text("from 127.0.0.1")
        alice.check()
        assert alice.complaints == tom.complaints == []


@pytest.mark.covers("B14")
def test_code_is_asked_for_and_the_link_can_be_pasted_without_scripts(browser: Browser, stack: Stack) -> None:
    token = stack.create_token("Handed over with a code")
    with visiting(browser, stack) as alice:
        link, code = make_link(alice, token["id"], with_code=True)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(link)
    page.get_by_label("The link").fill(link)
    page.get_by_role("button", name="Show username and password").click()
    expect(page.get_by_role("alert")).to_contain_text("also needs the code")
    page.get_by_label("Code").fill("000000" if code != "000000" else "111111")
    page.get_by_role("button", name="Show username and password").click()
    expect(page.get_by_role("alert")).to_contain_text("4 more times")
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Show username and password").click()
    assert shown_password(page) == token["password"]
    context.close()
