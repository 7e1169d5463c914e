"""Passkeys in a real browser with a virtual authenticator, and the pages of sign-in and security."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, CDPSession, Error, expect

from browser.looks import look
from browser.visitor import Visitor, visiting
from second_factor_hand import code_for
from stack import PASSWORD, Stack

pytestmark = [pytest.mark.covers("R1"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def people(stack: Stack) -> None:
    for name in ("pia", "tom", "rita"):
        stack.simsim("user", "create", f"{name}@acme.example", "--account", stack.account, "--role", "administrator",
                     "--password-stdin", stdin=PASSWORD + "\n")  # fmt: skip


@contextmanager
def authenticator(visitor: Visitor) -> Iterator[CDPSession]:
    """A phone or laptop that keeps passkeys and recognizes its owner (CDP, WebAuthn)."""
    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    try:
        yield session
    finally:
        session.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": added["authenticatorId"]})
        session.detach()


def add_passkey(visitor: Visitor, name: str, *, alone: bool = True) -> None:
    page = visitor.page
    page.goto(f"{visitor.home}sign-in/second-factor/passkeys/add/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("checkbox").set_checked(alone)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()


def test_passkey_is_added_and_signs_in_alone(browser: Browser, stack: Stack, people: None) -> None:
    with visiting(browser, stack, is_new=True) as visitor, authenticator(visitor):
        page = visitor.page
        visitor.sign_in("pia@acme.example")
        page.wait_for_url("**/accounts/**")
        add_passkey(visitor, "Work laptop")
        page.context.clear_cookies()
        page.goto(visitor.home)
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url("**/accounts/**")
        page.goto(f"{visitor.home}security/")
        expect(page.get_by_role("listitem").filter(has_text="Work laptop")).to_contain_text("used")
        # Proves who they are with the passkey again, and then sees what needs that.
        page.goto(f"{visitor.home}sign-in/second-factor/passkeys/confirm/?next=/security/")
        look(visitor, "confirm-passkey")
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url("**/security/")
        assert visitor.complaints == []


def test_password_needs_the_passkey_as_second_step(browser: Browser, stack: Stack, people: None) -> None:
    with visiting(browser, stack, is_new=True) as visitor, authenticator(visitor):
        page = visitor.page
        visitor.sign_in("tom@acme.example")
        page.wait_for_url("**/accounts/**")
        add_passkey(visitor, "Old security key", alone=False)
        page.context.clear_cookies()
        visitor.sign_in("tom@acme.example")
        page.get_by_role("heading", name="Second step").wait_for()
        page.goto(visitor.home)
        page.get_by_role("heading", name="Second step").wait_for()
        look(visitor, "second-step")
        page.get_by_label("Code").fill("000000")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("This code is wrong").wait_for()
        look(visitor, "second-step-wrong")
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url("**/accounts/**")
        assert visitor.complaints == []


def test_pages_of_sign_in_and_security_follow_the_rules(browser: Browser, stack: Stack, people: None) -> None:
    with visiting(browser, stack, is_new=True) as visitor:
        page = visitor.page
        page.goto(visitor.home)
        look(visitor, "sign-in")
        with authenticator(visitor):
            page.get_by_role("button", name="Use a passkey").click()
            page.get_by_text("The browser stopped").wait_for()
        look(visitor, "sign-in-no-passkey")
        visitor.sign_in("rita@acme.example")
        page.wait_for_url("**/accounts/**")
        page.goto(f"{visitor.home}security/")
        look(visitor, "security-empty")
        visitor.follow("Add an authenticator app")
        look(visitor, "app-add")
        page.get_by_label("code").fill("000000")
        page.get_by_role("button", name="Add the app").click()
        page.get_by_text("This code is wrong").wait_for()
        look(visitor, "app-add-wrong")
        key = page.locator("#totp-key").inner_text()
        page.get_by_label("code").fill(code_for(key))
        page.get_by_role("button", name="Add the app").click()
        page.get_by_role("heading", name="Recovery codes").wait_for()
        look(visitor, "recovery-codes")
        page.reload()
        page.get_by_text("can’t be shown again").wait_for()
        look(visitor, "recovery-codes-shown")
        with authenticator(visitor):
            page.goto(f"{visitor.home}sign-in/second-factor/passkeys/add/")
            look(visitor, "passkey-add")
            page.get_by_label("Name").fill("Phone " + "x" * 80)
            page.get_by_role("button", name="Continue").click()
            page.get_by_text("The passkey was added.").wait_for()
        look(visitor, "security-full")
        for link, name in (("Rename", "passkey-rename"), ("Remove… Phone", "passkey-remove"),
                           ("Remove the app…", "app-remove"), ("Create new codes…", "codes-new")):  # fmt: skip
            page.goto(f"{visitor.home}security/")
            visitor.follow(link)
            look(visitor, name)
        page.goto(f"{visitor.home}sign-in/reauthenticate/?next=/security/")
        look(visitor, "confirm-password")
        visitor.follow("Use a code")
        look(visitor, "confirm-code")
        policy = f"{visitor.home}accounts/{stack.account}/people/second-factor/"
        page.goto(policy)
        look(visitor, "policy")
        page.get_by_role("button", name="Require a second factor").click()
        page.get_by_text("now need a second factor").wait_for()
        look(visitor, "people-required")
        page.goto(policy)
        look(visitor, "policy-stop")
        stack.simsim("user", "reset-second-factor", "rita@acme.example")
        visitor.sign_in("rita@acme.example")
        page.get_by_role("heading", name="Add a second factor first").wait_for()
        look(visitor, "required")
        assert visitor.complaints == []


HTML_THAT_RUNS = [
    "<img src=x onerror='window.ran = 1'>", "<script>window.ran = 1</script>",
    "<a href=' javascript:window.ran = 1'>x</a>", "<template><svg onload='window.ran = 1'></svg></template>",
    "<iframe srcdoc='<script>parent.ran = 1</script>'></iframe>",
]  # fmt: skip


def test_no_script_turns_text_into_what_runs(browser: Browser, stack: Stack) -> None:
    """Trusted Types: the one way from text to HTML refuses what could run, and text never becomes a script."""
    with visiting(browser, stack, is_new=True) as visitor:
        page = visitor.page
        visitor.enter()
        put = "text => { document.createElement('div').innerHTML = text; }"
        for text in HTML_THAT_RUNS:
            with pytest.raises(Error, match="TrustedHTML"):
                page.evaluate(put, text)
        page.evaluate(put, "<p class='known'>A name that says on=1 javascript:</p>")
        for sink in (
            "document.createElement('script').textContent = 'window.ran = 1'",
            "document.createElement('script').src = 'https://evil.example/x.js'",
            "trustedTypes.createPolicy('another', {})",
        ):
            with pytest.raises(Error, match=r"Trusted|Policy"):
                page.evaluate(f"() => {{ {sink}; }}")
        assert page.evaluate("window.ran") is None
