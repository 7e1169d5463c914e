"""A page of another origin calls an API behind the gateway, in a real browser, with `--allow-preflight`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from gateway_front import Api, Front
from simsim.gateway.nginx_program import find_binary

pytestmark = pytest.mark.covers("B9")
CALL = """([url, wish]) => fetch(url, {headers: {Authorization: wish}})
    .then(async answer => `${answer.status} ${await answer.text()}`, failure => failure.name)"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "15")
        self.end_headers()
        self.wfile.write(b"<!doctype html>")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def page_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


@contextmanager
def gateway(folder: Path, *options: str) -> Iterator[Front]:
    api = Api()
    front = Front(folder, api.url, options=options)
    front.start(find_binary())
    try:
        yield front
    finally:
        front.stop()
        api.shutdown()
        api.server_close()


def called(browser: Browser, page_url: str, front: Front, wish: str) -> str:
    """Return what a script on the page gets: the status and the text, or the name of the failure."""
    page = browser.new_page()
    page.goto(page_url)
    try:
        return str(page.evaluate(CALL, [f"http://127.0.0.1:{front.port}/cors", wish]))
    finally:
        page.close()


def test_page_of_another_origin_calls_the_api(browser: Browser, page_url: str, tmp_path: Path) -> None:
    with gateway(tmp_path, "--allow-preflight") as front:
        assert called(browser, page_url, front, "204") == "200 ok"
        # The gate decided the page's own request, and never saw the preflight.
        assert {asked["x-forwarded-method"] for asked in front.asked if asked["x-forwarded-uri"] == "/cors"} == {"GET"}
        # The refusal has no CORS header, so the page learns no more than that the request failed.
        assert called(browser, page_url, front, "401") == "TypeError"
