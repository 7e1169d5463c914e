"""The pages of webhooks in a real browser, with a real receiver and the real worker (B20)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import stack as product
from browser.html_checker import Served, complaints
from browser.profiles import WIDE
from browser.visitor import visiting
from browser.webhooks_tour import tour
from postgresql_server import free_port
from stack import Stack
from webhook_receiver import Receiver, own_certificate, receiving

pytestmark = pytest.mark.covers("B20")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return own_certificate(tmp_path_factory.mktemp("receiver"))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[Stack]:
    settings = {"SIMSIM_WEBHOOK_ALLOW_NETWORKS": "127.0.0.1", "SIMSIM_WEBHOOK_CA": str(certificate[0])}
    with product.running(tmp_path_factory.mktemp("stack"), on_postgresql=False, settings=settings) as running:
        yield running


@pytest.mark.timeout(600)
def test_every_page_of_webhooks_follows_the_rules(
    browser: Browser, stack: Stack, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    port, pages = free_port(), []
    with receiving(port, Receiver(), certificate) as receiver, visiting(browser, stack, WIDE) as visitor:
        served = Served(visitor)
        for number, _name in enumerate(tour(visitor, receiver, f"https://127.0.0.1:{port}/hook")):
            (tmp_path / f"{number}.html").write_bytes(served.text)
            pages.append(served.text)
            visitor.check_every_look()
    assert len(pages) == 12
    mistakes = [f"{stem}: {each}" for stem, found in complaints(tmp_path).items() for each in found]
    assert not mistakes, "\n".join(mistakes)
    assert "token.created" in receiver.types()
    assert not receiver.forged
