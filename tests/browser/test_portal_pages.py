"""The operator's own product opens the console in a real browser: the product of the documentation, as a process."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import stack as product
from browser.looks import look, show
from browser.visitor import visiting
from documented_examples import example
from own_installation import environment_of
from postgresql_server import free_port
from processes import wait_for
from stack import Stack

pytestmark = [pytest.mark.covers("B12"), pytest.mark.timeout(600)]
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10" width="28" height="28">'
    '<circle cx="5" cy="5" r="4" fill="#fff"/></svg>'
)


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Stack]:
    directory = Path(tmp_path_factory.mktemp("stack"))
    (directory / "logo.svg").write_text(LOGO)
    settings = {
        "SIMSIM_PORTAL_NAME": "Acme Portal",
        "SIMSIM_PORTAL_COLOUR": "#7a1fa2",
        "SIMSIM_PORTAL_LOGO": str(directory / "logo.svg"),
        "SIMSIM_PORTAL_RETURN_ORIGINS": f"http://127.0.0.1:{port}",
    }
    with product.started(Stack(directory, on_postgresql=False, settings=settings), is_served_only=True) as running:
        yield running


@pytest.fixture(scope="module")
def acme_portal(stack: Stack, port: int) -> Iterator[str]:
    """The address of the documented product, which runs as it stands on the page."""
    token = stack.simsim(
        "management-token", "create", "--scope", "operator", "--name", "Acme Portal", "--expires", "9d"
    )
    written = stack.directory / "product.py"
    written.write_text(example("docs/operators/portal.md", "from flask import").text)
    environment = environment_of(stack.data, "") | {
        "SIMSIM": f"http://localhost:{stack.console_port}/api/v1",
        "MANAGEMENT": f"{token['username']}:{token['password']}",
        "ACCOUNT": stack.account,
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-m", "flask", "--app", str(written), "run", "--port", str(port)]
    with (stack.directory / "product.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(lambda: is_up(port))
        yield f"http://127.0.0.1:{port}/settings"
    finally:
        process.terminate()
        process.wait(10)


def is_up(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_customer_comes_from_the_product_and_returns(browser: Browser, stack: Stack, acme_portal: str) -> None:
    stack.create_token("Night load")
    with visiting(browser, stack, is_new=True) as visitor:
        page = visitor.page
        page.goto(acme_portal)
        page.get_by_role("button", name="Manage API access").click()
        page.wait_for_url("**/portal/")
        expect(page.get_by_label("The link")).to_be_hidden()
        look(visitor, "portal-open")
        page.get_by_role("button", name="Open the console").click()
        page.wait_for_url(f"**/accounts/{stack.account}/tokens/")
        look(visitor, "portal-tokens")
        visitor.create("Report of the customer")
        expect(page.locator("input[value^='sim_']")).to_have_count(1)
        for closed in ("security/", f"accounts/{stack.account}/people/"):
            page.goto(visitor.home + closed)
            page.get_by_text("can’t open this page in a session that began in another product").wait_for()
        show(visitor, "portal-refused")
        page.goto(f"{visitor.home}sign-in/reauthenticate/")
        show(visitor, "portal-come-back")
        page.goto(visitor.tokens)
        page.get_by_role("link", name="Back to Acme Portal").click()
        page.wait_for_url(acme_portal)
        assert visitor.complaints == []


def test_reader_has_nothing_to_press(browser: Browser, stack: Stack, acme_portal: str) -> None:
    made = stack.simsim("user", "portal-link", "rex@acme.example", "--account", stack.account, "--role", "reader",
                        "--return-url", acme_portal)  # fmt: skip
    with visiting(browser, stack, is_new=True) as visitor:
        page = visitor.page
        page.goto(made["url"])
        page.get_by_role("button", name="Open the console").click()
        page.wait_for_url("**/tokens/")
        page.get_by_text("View only: you can’t change anything.").wait_for()
        show(visitor, "portal-reader-tokens")
        page.get_by_role("link", name="Night load").click()
        page.get_by_role("heading", name="Night load").wait_for()
        look(visitor, "portal-reader-token")
        expect(page.get_by_role("button", name="Save changes")).to_have_count(0)
        page.goto(made["url"])
        page.get_by_role("button", name="Open the console").click()
        page.get_by_text("Each link works once").wait_for()
        show(visitor, "portal-ended")
        assert visitor.complaints == []
