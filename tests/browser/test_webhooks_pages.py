"""The pages of webhooks in a real browser, with a real receiver and the real worker (B20)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import stack as product
from browser.examination import Examination
from browser.profiles import NARROW, WIDE
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


def test_every_page_of_webhooks_follows_the_rules(
    browser: Browser, stack: Stack, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    examination, port = Examination(), free_port()
    with receiving(port, Receiver(), certificate) as receiver, visiting(browser, stack, WIDE) as visitor:
        examination.examine(visitor, lambda visitor: tour(visitor, receiver, f"https://127.0.0.1:{port}/hook"), NARROW)
    assert not examination.faults, "\n".join(examination.faults)
    assert not (mistakes := examination.mistakes(tmp_path)), "\n".join(mistakes)
    assert receiver.types() == ["token.created", "webhook.test"] or set(receiver.types()) == {
        "token.created", "webhook.test"
    } or receiver.types() == ["token.created"]  # fmt: skip
    assert not receiver.forged
