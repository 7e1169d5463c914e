"""A real browser for the whole product. One browser for each module, because its event loop disturbs Django's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

import stack as product
from stack import PASSWORD, Stack

expect.set_options(timeout=20_000)  # a page on a slow machine; milliseconds

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with product.running(Path(tmp_path_factory.mktemp("stack")), on_postgresql=False) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def ended(stack: Stack) -> str:
    """The id of a revoked token, among a few active ones."""
    revoked: str = stack.create_token("Revoked long ago")["id"]
    stack.revoke(revoked)
    stack.create_token("x" * 200, "--allow", "2001:db8:1234:5678::/64", "--allow", "10.0.0.0/8", "--allow", "192.0.2.1")
    stack.create_token("Ends soon", expires="1d")
    stack.simsim("user", "create", "bob@acme.example", "--account", stack.account, "--role", "member",
                 "--password-stdin", stdin=PASSWORD + "\n")  # fmt: skip
    return revoked
