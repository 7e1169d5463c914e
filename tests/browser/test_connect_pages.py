"""*How to connect* in a real browser: every look follows the rules, and the copied texts open the API."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Browser, Page, expect

from browser.profiles import NARROW
from browser.visitor import Visitor, visiting
from simsim.console.connect.recipes import Api, recipes
from stack import PASSWORD, Stack

pytestmark = [pytest.mark.timeout(600), pytest.mark.covers("R20")]
PROGRAMS = ["curl", "Python: requests", "Python: httpx", "Postman", "Excel", "Power BI", "Anything else"]
SECRET = "sim_" + "x" * 49


@pytest.fixture(scope="module")
def token(stack: Stack) -> dict[str, Any]:
    stack.simsim("user", "create", "bob@acme.example", "--account", stack.account, "--role", "member",
                 "--password-stdin", stdin=PASSWORD + "\n")  # fmt: skip
    return stack.create_token("Copied from the page")


def enter(visitor: Visitor, email: str = "alice@acme.example") -> Page:
    visitor.enter(email)
    visitor.page.get_by_role("link", name="How to connect").click()
    visitor.page.get_by_role("heading", name="How to connect").wait_for()
    return visitor.page


def choose(page: Page, program: str) -> None:
    page.get_by_role("navigation", name="Programs").get_by_role("link", name=program).click()
    page.get_by_role("heading", name=program, exact=True).wait_for()


def test_every_recipe_follows_the_rules_and_shows_its_pictures(
    browser: Browser, stack: Stack, token: dict[str, Any]
) -> None:
    with visiting(browser, stack) as visitor:
        page = enter(visitor)
        for program in PROGRAMS:
            choose(page, program)
            for folded in page.locator("details.inside summary").all():
                folded.click()
            for picture in page.locator("img.picture").all():
                picture.scroll_into_view_if_needed()
                page.wait_for_function("e => e.complete && e.naturalWidth > 0", arg=picture.element_handle())
            visitor.check_every_look()


@pytest.mark.parametrize("email", ["alice@acme.example", "bob@acme.example"])
def test_text_copied_from_the_page_opens_the_api(
    browser: Browser, stack: Stack, token: dict[str, Any], email: str
) -> None:
    with visiting(browser, stack) as visitor:
        page = enter(visitor, email)
        page.get_by_role("button", name="Copy the username").click()
        expect(page.get_by_role("button", name="Copied the username")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == token["username"]
        page.get_by_role("button", name="Copy the address").click()
        assert page.evaluate("navigator.clipboard.readText()") == f"http://127.0.0.1:{stack.gateway_port}"
        page.get_by_role("button", name="Copy curl").first.click()
        expect(page.get_by_role("button", name="Copied curl")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        done = subprocess.run(
            ["bash", "-c", copied], input=token["password"] + "\n", capture_output=True, text=True, check=True,
            timeout=30, start_new_session=True,
        )  # fmt: skip
        assert isinstance(json.loads(done.stdout), list)
        assert visitor.complaints == []


def test_recipe_has_a_url_so_that_back_and_reload_work(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as visitor:
        page = enter(visitor)
        choose(page, "Excel")
        choose(page, "Power BI")
        page.reload()
        expect(page.get_by_role("heading", name="Power BI", exact=True)).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="Excel", exact=True)).to_be_visible()
        chosen = page.get_by_role("navigation", name="Programs").locator("[aria-current=page]")
        expect(chosen).to_have_text("Excel")
        expect(chosen).to_have_count(1)


def test_everything_works_without_scripts(browser: Browser, stack: Stack, tmp_path: Path) -> None:
    with visiting(browser, stack, NARROW, scripts=False) as visitor:
        page = enter(visitor)
        expect(page.get_by_role("button", name="Copy")).to_have_count(0)  # it could not copy
        for program in PROGRAMS:
            choose(page, program)
        choose(page, "Postman")
        with page.expect_download() as started:
            page.get_by_role("link", name="Download the collection").click()
        kept = tmp_path / started.value.suggested_filename
        started.value.save_as(kept)
        assert kept.name == "simsim.postman_collection.json"
        assert json.loads(kept.read_text())["variable"][1]["value"] == stack.account


def test_chooser_for_other_pages_keeps_to_the_rules_and_hides_the_password(browser: Browser, stack: Stack) -> None:
    found = recipes(username=stack.account, api=Api("https://api.example.com"), password=SECRET)
    account = {"pk": stack.account, "name": "Acme"}
    chooser = render_to_string("console/connect/parts/recipes.html", {"account": account, "recipes": found})
    field = f'<label for="password">Password</label><input id="password" class="is-secret" value="{SECRET}">'
    with visiting(browser, stack) as visitor:
        page = enter(visitor)
        page.evaluate(
            "html => { document.querySelector('main').innerHTML = `<h1>Credentials</h1>${html}`; }", field + chooser
        )
        for program in page.locator(".recipes summary").all():
            if program.locator("xpath=..").get_attribute("open") is None:
                program.click()
            assert page.locator(".recipes details[open]").count() == 1
            visitor.check_every_look()
        page.locator(".recipes summary").first.click()
        secret = page.locator("#recipe-curl-1 .recipe-secret")
        expect(secret).to_have_css("-webkit-text-security", "disc")  # from the start, before reveal.js has run
        for kind, how in (("password", "disc"), ("text", "none"), ("password", "disc")):
            page.evaluate(
                "kind => { const e = document.getElementById('password'); e.type = kind; e.className = 'is-ready'; }",
                kind,
            )
            expect(secret).to_have_css("-webkit-text-security", how)
