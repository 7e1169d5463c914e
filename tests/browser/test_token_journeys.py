"""An administrator's tasks with a token, at 360 px and using only the keyboard; each ends at the gateway."""

import re

import pytest
from playwright.sync_api import Browser, expect

from browser.profiles import NARROW, WIDE
from browser.visitor import Visitor, visiting
from stack import Stack

hands = pytest.mark.parametrize("by_keyboard", [False, True], ids=["360 px", "keyboard"])


def size_for(by_keyboard: bool) -> tuple[int, int]:
    return WIDE if by_keyboard else NARROW


def open_token(visitor: Visitor, token_id: str) -> None:
    visitor.enter()
    visitor.page.goto(f"{visitor.tokens}{token_id}/")


def status(stack: Stack, username: str, password: str) -> int:
    return stack.get("/api/v2/entities", auth=(username, password)).status


@hands
@pytest.mark.covers("B3", "R10", "R12")
def test_blocking_list_is_previewed_and_its_suggestions_are_added(
    browser: Browser, stack: Stack, by_keyboard: bool
) -> None:
    token = stack.create_token(f"Previewed {by_keyboard}")
    auth = (token["username"], token["password"])
    assert status(stack, *auth) == 200
    stack.wait_until(lambda: stack.log_rows(token=token["id"]), "the request is in the log")
    with visiting(browser, stack, size_for(by_keyboard)) as alice:
        page = alice.page
        open_token(alice, token["id"])
        alice.type_into("Network 1", "192.0.2.0/24", by_keyboard=by_keyboard)
        alice.press("Save changes", by_keyboard=by_keyboard)
        expect(page.get_by_text("This list would have refused every request.")).to_be_visible()
        assert status(stack, *auth) == 200  # nothing is saved yet
        expect(page.get_by_text("Not saved yet.")).to_be_in_viewport()
        expect(page.locator("#preview")).to_be_focused()
        alice.check()
        alice.press("Add all of them", by_keyboard=by_keyboard)
        expect(page.get_by_label("Network 2")).to_have_value("127.0.0.1")
        expect(page.get_by_text("in this list")).to_be_visible()
        alice.press("Save changes", by_keyboard=by_keyboard)
        expect(page.get_by_text("Your changes are saved")).to_be_visible()
        assert status(stack, *auth) == 200
        alice.press("Remove network 2", by_keyboard=by_keyboard)
        expect(page.get_by_label("Network 2")).to_have_count(0)
        alice.press("Save changes", by_keyboard=by_keyboard)
        alice.press("Save as report only", by_keyboard=by_keyboard)
        expect(page.get_by_text("Once enforced, this list would refuse")).to_be_visible()
        assert status(stack, *auth) == 200  # let in, and marked
        alice.press("Report only", by_keyboard=by_keyboard)
        alice.press("Save changes", by_keyboard=by_keyboard)
        alice.press("Save anyway", by_keyboard=by_keyboard)
        expect(page.get_by_text("Your changes are saved")).to_be_visible()
        assert status(stack, *auth) == 401
        assert alice.complaints == []
    stack.wait_until(lambda: len(stack.log_rows(token=token["id"])) >= 4, "every request is in the log")
    details = [row["detail"] for row in stack.log_rows(token=token["id"])]
    assert any("the list is report only" in detail for detail in details)


@hands
@pytest.mark.covers("B2")
def test_rotation_with_an_overlap_lets_both_in_until_it_is_ended(
    browser: Browser, stack: Stack, by_keyboard: bool
) -> None:
    token = stack.create_token(f"Rotated {by_keyboard}")
    with visiting(browser, stack, size_for(by_keyboard)) as alice:
        page = alice.page
        open_token(alice, token["id"])
        alice.press("Rotate…", by_keyboard=by_keyboard)
        page.wait_for_url("**/rotate/")
        if by_keyboard:  # the checked radio button has the focus; an arrow key checks the next one
            alice.tab_to("24 hours")
            page.keyboard.press("ArrowDown")
        else:
            page.get_by_role("radio", name="7 days").check()
        alice.press("Create new password", by_keyboard=by_keyboard)
        expect(page.get_by_role("status").first).to_contain_text("has a new password")
        alice.press("Copy the password", by_keyboard=by_keyboard)
        expect(page.get_by_role("button", name="Copied the password")).to_be_visible()
        password = page.evaluate("navigator.clipboard.readText()")
        assert password != token["password"]
        assert {status(stack, token["username"], each) for each in (password, token["password"])} == {200}
        stack.wait_until(lambda: len(stack.log_rows(token=token["id"])) == 2, "both requests are in the log")
        alice.press("Open the token", by_keyboard=by_keyboard)
        expect(page.get_by_text("some software still has it")).to_be_visible()
        expect(page.get_by_text(re.compile("It stops working in 7 days"))).to_be_visible()
        alice.press("End the overlap…", by_keyboard=by_keyboard)
        dialog = page.get_by_role("dialog", name=re.compile("Stop the previous password"))
        expect(dialog.get_by_text("The previous password was last used")).to_be_visible()
        alice.check()
        assert status(stack, token["username"], token["password"]) == 200  # nothing stops before the button is pressed
        alice.press("Stop the previous password", by_keyboard=by_keyboard)
        expect(page.get_by_text("no longer works")).to_be_visible()
        assert status(stack, token["username"], token["password"]) == 401
        assert status(stack, token["username"], password) == 200
        assert alice.complaints == []


@hands
@pytest.mark.covers("R11", "R12")
def test_token_is_edited_and_its_password_retrieved_hidden_again_and_tested(
    browser: Browser, stack: Stack, by_keyboard: bool
) -> None:
    token = stack.create_token(f"Retrieved {by_keyboard}")
    with visiting(browser, stack, size_for(by_keyboard)) as alice:
        page = alice.page
        page.clock.install()
        open_token(alice, token["id"])
        alice.type_into("Name", f"Renamed {by_keyboard}", by_keyboard=by_keyboard)
        alice.type_into("Target software", "snow", by_keyboard=by_keyboard)
        page.keyboard.press("Enter")  # selects the result, and sends nothing yet
        expect(page.get_by_role("combobox", name="Target software")).to_have_value("Snowflake")
        alice.press("Save changes", by_keyboard=by_keyboard)
        expect(page.get_by_text("Your changes are saved")).to_be_visible()
        expect(page.get_by_role("combobox", name="Target software")).to_have_value("Snowflake")
        alice.press("Show username and password", by_keyboard=by_keyboard)
        secret = page.get_by_label("Password", exact=True)
        expect(secret).to_have_value(token["password"])
        expect(secret).to_have_attribute("type", "password")
        assert status(stack, page.get_by_label("Username", exact=True).input_value(), secret.input_value()) == 200
        page.clock.fast_forward(61_000)
        expect(page.get_by_text("Hidden again after one minute.")).to_be_visible()
        assert token["password"] not in page.content()
        alice.press("Test it now", by_keyboard=by_keyboard)
        expect(
            page.get_by_text("It works. The gate accepts these credentials from your address, 127.0.0.1.")
        ).to_be_visible()
        assert alice.complaints == []


@pytest.mark.covers("R13")
def test_revoking_asks_in_a_dialog_that_the_keyboard_can_leave(browser: Browser, stack: Stack) -> None:
    token = stack.create_token("Asked about")
    with visiting(browser, stack) as alice:
        page = alice.page
        open_token(alice, token["id"])
        alice.press("Revoke…", by_keyboard=True)
        dialog = page.get_by_role("dialog", name="Revoke “Asked about”?")
        expect(dialog).to_be_visible()
        alice.check()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        alice.press("Revoke…", by_keyboard=False)
        dialog.get_by_role("link", name="Cancel").click()
        expect(dialog).to_be_hidden()
        assert page.url.endswith(f"/tokens/{token['id']}/")
        alice.press("Revoke…", by_keyboard=True)
        expect(dialog).to_be_visible()
        expect(page.get_by_label("No longer needed")).to_be_focused()
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        expect(page.get_by_label("Not recognised")).to_be_checked()
        alice.press("Revoke token", by_keyboard=True)
        expect(page.get_by_text("no longer works")).to_be_visible()
        assert status(stack, token["username"], token["password"]) == 401
        assert alice.complaints == []


@pytest.mark.covers("R5", "R10")
def test_error_appears_while_typing_and_disappears_when_corrected(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as alice:
        page = alice.page
        alice.enter()
        page.goto(f"{alice.tokens}new/")
        network = page.get_by_label("Network 1")
        network.press_sequentially("10.0.0.1/8")
        expect(page.get_by_text("Enter 10.0.0.0/8 for the whole network")).to_be_visible()
        expect(network).to_have_attribute("aria-invalid", "true")
        alice.check()
        network.press("Control+A")
        network.press_sequentially("10.0.0.0/8")
        expect(page.get_by_text("Enter 10.0.0.0/8 for the whole network")).to_be_hidden()
        expect(network).not_to_have_attribute("aria-invalid", "true")
        page.get_by_role("button", name="Add more").click()
        expect(page.get_by_label("Network 2")).to_be_focused()
        expect(network).to_have_value("10.0.0.0/8")


def test_search_filters_while_typing_and_its_url_can_be_bookmarked(browser: Browser, stack: Stack) -> None:
    for name in ("Searched for", "Passed over"):
        stack.create_token(name)
    with visiting(browser, stack) as alice:
        page = alice.page
        alice.enter()
        page.get_by_label("Search the tokens").press_sequentially("searched")
        expect(page.get_by_role("link", name="Passed over")).to_have_count(0)
        expect(page.get_by_role("link", name="Searched for")).to_be_visible()
        page.wait_for_url("**q=searched**")
        page.reload()
        expect(page.get_by_label("Search the tokens")).to_have_value("searched")
        expect(page.get_by_role("link", name="Passed over")).to_have_count(0)
        alice.check()


@pytest.mark.covers("R14", "R17")
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_leaked_password_finds_its_token_and_is_in_no_url(browser: Browser, stack: Stack, *, scripts: bool) -> None:
    token = stack.create_token(f"Leaked {scripts}")
    nobodys = stack.create_token(f"Rotated twice {scripts}")
    for _ in range(2):
        stack.simsim("token", "rotate", nobodys["id"], "--as", "alice@acme.example", "--overlap", "0h")
    with visiting(browser, stack, NARROW, scripts=scripts) as alice:
        page, visited = alice.page, list[str]()
        alice.enter()
        page.on("request", lambda request: visited.append(request.url))
        search = page.get_by_label("Search the tokens")
        for secret in (nobodys["password"], token["password"][:40]):
            search.fill(secret)
            if not scripts:
                page.get_by_role("button", name="Search").click()
            is_whole = len(secret) == 53
            said = "No token of this account has this password" if is_whole else "This is not a complete password"
            expect(page.get_by_role("heading", name=said)).to_be_visible()
            page.wait_for_url("**?password=**")
            if scripts:
                alice.check()
        search.fill(token["password"])
        search.press("Enter")
        expect(page.get_by_text("It is the current one and works.")).to_be_visible()
        expect(page.get_by_role("heading", name=f"Leaked {scripts}")).to_be_visible()
        expect(page.get_by_text(f"ends in {token['password'][-4:]}")).to_be_visible()
        page.go_back()
        expect(search).not_to_have_value(token["password"])
        for secret in (nobodys["password"], token["password"]):
            assert not [address for address in [*visited, page.url] if secret[4:20] in address]
            assert secret not in page.content()


@pytest.mark.covers("R5", "R10")
def test_all_errors_of_a_form_are_shown_at_once_and_the_summary_links_to_each(browser: Browser, stack: Stack) -> None:
    stack.create_token("Already there")
    with visiting(browser, stack, NARROW) as alice:
        page = alice.page
        alice.enter()
        page.goto(f"{alice.tokens}new/")
        page.get_by_label("Network 1").fill("nowhere")
        page.get_by_role("button", name="Create token").last.click()
        summary = page.get_by_role("alert")
        expect(summary.get_by_role("link")).to_have_text(
            ["This field is required.", re.compile("“nowhere” is neither")]
        )
        expect(page.get_by_label("Name")).to_be_focused()
        expect(page.get_by_label("Name")).to_be_in_viewport()
        alice.check()
        summary.get_by_role("link").last.click()
        expect(page.get_by_label("Network 1")).to_be_focused()
        page.get_by_label("Name").fill("already THERE")
        page.get_by_role("button", name="Create token").last.click()
        expect(summary.get_by_role("link").first).to_have_text("An active token is already named “Already there”.")
        expect(summary.get_by_role("link")).to_have_count(2)


@pytest.mark.covers("R7", "R11")
def test_software_field_looks_like_a_list_and_its_recipe_is_open_after_creation(browser: Browser, stack: Stack) -> None:
    with visiting(browser, stack) as alice:
        page = alice.page
        alice.enter()
        page.goto(f"{alice.tokens}new/")
        field = page.get_by_role("combobox", name="Target software")
        assert "svg" in field.evaluate("field => getComputedStyle(field).backgroundImage"), "no chevron"
        expect(field).to_have_attribute("placeholder", "Not specified")
        field.click()
        page.get_by_role("option", name="Microsoft Excel").click()
        page.get_by_label("Name").fill("For a workbook")
        page.get_by_role("button", name="Create token").last.click()
        expect(page.locator(".recipes details[open] summary")).to_have_text("Excel")


def test_times_are_shown_in_utc_and_in_the_readers_time_zone(browser: Browser, stack: Stack) -> None:
    token = stack.create_token("Timed", expires="2031-07-01T22:30:00Z")
    for zone, said in (("Europe/Paris", "(2 Jul, 00:30 your time)"), ("UTC", None), ("Asia/Kolkata", "(2 Jul, 04:00")):
        context = browser.new_context(timezone_id=zone)
        alice = Visitor(context.new_page(), stack)
        open_token(alice, token["id"])
        shown = alice.page.locator("time", has_text="1 Jul 2031, 22:30 UTC").first
        if said:
            expect(shown).to_contain_text(said)
        else:
            expect(shown).to_have_text("1 Jul 2031, 22:30 UTC")
        context.close()


@pytest.mark.covers("R12", "R17")
def test_refused_address_is_carried_from_the_log_into_the_list_and_a_replacement_is_filled_in(
    browser: Browser, stack: Stack
) -> None:
    token = stack.create_token("Called from elsewhere", "--allow", "198.51.100.0/24", "--software", "snowflake")
    assert status(stack, token["username"], token["password"]) == 401
    stack.wait_until(lambda: stack.log_rows(token=token["id"]), "the request is in the log")
    with visiting(browser, stack) as alice:
        page = alice.page
        alice.enter()
        page.goto(f"{alice.home}accounts/{stack.account}/logs/?token={token['id']}")
        page.locator("#found a").first.click()
        page.get_by_role("link", name="Change the allowed networks").last.click()
        expect(page.get_by_label("Network 1")).to_have_value("198.51.100.0/24")
        expect(page.get_by_label("Network 2")).to_have_value("127.0.0.1")
        assert status(stack, token["username"], token["password"]) == 401  # a link changes nothing
        page.get_by_role("link", name="Replace…").click()
        expect(page.get_by_label("Network 1")).to_have_value("198.51.100.0/24")
        expect(page.get_by_role("combobox", name="Target software")).to_have_value("Snowflake")
        assert alice.complaints == []


@hands
@pytest.mark.covers("B16", "R16")
def test_token_is_limited_to_what_its_program_needs(browser: Browser, stack: Stack, by_keyboard: bool) -> None:
    token = stack.create_token(f"Limited {by_keyboard}")
    auth = (token["username"], token["password"])
    assert status(stack, *auth) == 200
    stack.wait_until(lambda: stack.log_rows(token=token["id"]), "the request is in the log")
    with visiting(browser, stack, size_for(by_keyboard)) as alice:
        page = alice.page
        open_token(alice, token["id"])
        page.get_by_role("radio", name="Only these requests").check(force=True)
        alice.type_into("Request 1", "GET /orders/{id}", by_keyboard=by_keyboard)
        alice.press("Save changes", by_keyboard=by_keyboard)
        expect(page.get_by_text("Enter a star for each part that varies: /orders/*").first).to_be_visible()
        alice.check()
        alice.type_into("Request 1", "GET /orders/*", by_keyboard=by_keyboard)
        alice.press("Save changes", by_keyboard=by_keyboard)
        expect(page.get_by_text("These limits would have refused requests that were let in.")).to_be_visible()
        expect(page.locator("#limits_preview")).to_be_focused()
        alice.check()
        assert status(stack, *auth) == 200  # nothing is saved yet
        alice.press("Add all of them", by_keyboard=by_keyboard)
        expect(page.get_by_label("Request 2")).to_have_value("GET /api/v2/entities")
        alice.press("Remove request 2", by_keyboard=by_keyboard)
        expect(page.get_by_label("Request 2")).to_have_count(0)
        alice.press("Save changes", by_keyboard=by_keyboard)
        alice.press("Save anyway", by_keyboard=by_keyboard)
        expect(page.get_by_text("Your changes are saved")).to_be_visible()
        assert status(stack, *auth) == 403
        assert alice.complaints == []
