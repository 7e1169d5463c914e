"""Single sign-on in a real browser at a real provider: the role, the proof before a password, and enforcement."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import identity_provider
import stack as product
from browser.looks import look, show
from browser.visitor import Visitor, visiting
from identity_provider import IdentityProvider
from postgresql_server import free_port
from stack import PASSWORD, Stack

pytestmark = [pytest.mark.covers("R1"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider.running(free_port()) as running:
        yield running


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider) -> Iterator[Stack]:
    """The product with the provider, whose group makes administrators of Acme."""
    directory = Path(tmp_path_factory.mktemp("stack"))
    with product.started(Stack(directory, on_postgresql=False), is_served_only=True) as running:
        running.stop_serving()
        place = f"{running.account}:administrator"
        running.settings |= provider.settings(SIMSIM_OIDC_DOMAINS="acme.example", SIMSIM_OIDC_GROUPS=f"keepers={place}")
        running.serve_again()
        yield running


def at_acme_id(visitor: Visitor, who: str) -> None:
    visitor.page.get_by_role("heading", name="Acme ID").wait_for()
    visitor.page.get_by_role("button", name=f"Sign in as {who}", exact=True).click()


def test_person_signs_in_with_a_role_confirms_and_is_required_to(
    browser: Browser, stack: Stack, provider: IdentityProvider
) -> None:
    provider.put_person("nora", email="nora@acme.example", email_verified=True, groups=["keepers"])
    token = stack.create_token("Night load")
    with visiting(browser, stack, is_new=True) as visitor:
        page = visitor.page
        page.goto(visitor.home)
        look(visitor, "sso-sign-in")
        visitor.follow("Sign in with Acme ID")
        at_acme_id(visitor, "nora")
        page.wait_for_url("**/accounts/**")
        # The provider signs her in without asking, which proves nothing anew.
        page.context.clear_cookies(name="simsim")
        provider.tamper(claims={"auth_time": 1_700_000_000})
        page.goto(visitor.home)
        visitor.follow("Sign in with Acme ID")
        page.wait_for_url("**/accounts/**")
        provider.tamper()
        page.goto(f"{visitor.tokens}{token['id']}/")
        page.get_by_role("button", name=re.compile("credentials|Username and password|Show", re.I)).first.click()
        page.get_by_role("heading", name="Confirm it’s you").wait_for()
        assert "sim_" not in page.content()
        look(visitor, "sso-confirm")
        visitor.follow("Continue with Acme ID")
        at_acme_id(visitor, "nora")
        expect(page.locator(f"input[value='{token['password']}']")).to_have_count(1)
        # She requires it of everybody.
        page.goto(f"{visitor.home}accounts/{stack.account}/people/")
        show(visitor, "sso-people")
        page.get_by_role("region", name="Single sign-on").get_by_role("link", name="Change…").click()
        look(visitor, "sso-policy")
        page.get_by_role("radio", name="Everyone").check()
        page.get_by_role("button", name="Save").click()
        page.get_by_text("Everyone in Acme now needs single sign-on.").wait_for()
        assert visitor.complaints == []
    with visiting(browser, stack, is_new=True) as visitor:
        visitor.sign_in("alice@acme.example", PASSWORD)
        visitor.page.get_by_role("heading", name="Use single sign-on").wait_for()
        show(visitor, "sso-required")
        provider.put_person("alice", email="alice@acme.example", email_verified=True, groups=["keepers"])
        visitor.follow("Sign in with Acme ID")
        at_acme_id(visitor, "alice")
        visitor.page.wait_for_url(f"**/accounts/{stack.account}/tokens/")
        visitor.page.get_by_role("heading", name="Tokens").wait_for()
        assert visitor.complaints == []


def test_errors_of_single_sign_on_are_explained(browser: Browser, stack: Stack, provider: IdentityProvider) -> None:
    provider.put_person("eve", email="eve@acme.example", email_verified=False)
    with visiting(browser, stack, is_new=True) as visitor:
        page = visitor.page
        page.goto(visitor.home)
        visitor.follow("Sign in with Acme ID")
        at_acme_id(visitor, "eve")
        page.get_by_text("did not confirm that this email address is yours").wait_for()
        look(visitor, "sso-refused")
        page.reload()
        page.get_by_role("heading", name="Start again").wait_for()
        show(visitor, "sso-start-again")
        visitor.follow("Back to the sign-in page")
        page.context.clear_cookies(name="provider")
        visitor.follow("Sign in with Acme ID")
        page.get_by_role("button", name="Deny").click()
        page.get_by_text("was cancelled").wait_for()
        show(visitor, "sso-denied")
        provider.tamper(status=503)
        stack.stop_serving()
        stack.serve_again()
        page.goto(visitor.home)
        visitor.follow("Sign in with Acme ID")
        page.get_by_role("heading", name="Sign-in is not available").wait_for()
        show(visitor, "sso-unavailable")
        assert visitor.complaints == []
