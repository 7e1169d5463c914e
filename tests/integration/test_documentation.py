"""The documentation under /docs/: for people who are signed in, under the console's policy, and nothing beside it."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver, resolve

from cast import Cast
from console_client import sign_in
from simsim.console.help_links import PAGES, help_url
from simsim.console.middleware import POLICY

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B22")]
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def site(tmp_path: Path, settings: Any) -> Path:
    """A small site, with a file beside it."""
    root = tmp_path / "site"
    (root / "operators").mkdir(parents=True)
    (root / "_static").mkdir()
    (root / "index.html").write_text("<h1>Simsim</h1>")
    (root / "index.html.gz").write_bytes(gzip.compress(b"<h1>Simsim</h1>"))
    (root / "operators/index.html").write_text("<h1>Operators</h1>")
    (root / "_static/site.css").write_text("body {}")
    (root / ".hidden.html").write_text("unlisted")
    (root / "notes.txt").write_text("notes")
    (tmp_path / "secret.html").write_text("kept apart")
    settings.DOCUMENTATION_ROOT = root
    return root


@pytest.fixture
def alice(client: Client, cast: Cast) -> Client:
    return sign_in(cast.alice, client)


def test_documentation_is_for_people_who_are_signed_in(client: Client, site: Path) -> None:
    for address in ("/docs/", "/docs/operators/", "/docs/_static/site.css", "/docs/nothing.html"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/sign-in/login/?next={address}")


def test_a_member_reads_it_too(client: Client, cast: Cast, site: Path) -> None:
    sign_in(cast.bob, client)
    assert b"Operators" in client.get("/docs/operators/").content


@pytest.mark.parametrize(
    ("address", "kind", "text"),
    [
        ("/docs/", "text/html; charset=utf-8", b"<h1>Simsim</h1>"),
        ("/docs/index.html", "text/html; charset=utf-8", b"<h1>Simsim</h1>"),
        ("/docs/operators/", "text/html; charset=utf-8", b"<h1>Operators</h1>"),
        ("/docs/operators/index.html", "text/html; charset=utf-8", b"<h1>Operators</h1>"),
        ("/docs/_static/site.css", "text/css; charset=utf-8", b"body {}"),
    ],
)
def test_pages_and_files_are_served_under_the_policy(
    alice: Client, site: Path, address: str, kind: str, text: bytes
) -> None:
    answer = alice.get(address)
    assert (answer.status_code, answer.content) == (200, text)
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_compressed_copy_is_served_to_clients_that_take_it(alice: Client, site: Path) -> None:
    answer = alice.get("/docs/", headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == b"<h1>Simsim</h1>"
    for refused in ("", "br", "gzip;q=0"):
        assert "Content-Encoding" not in alice.get("/docs/", headers={"Accept-Encoding": refused}).headers


@pytest.mark.parametrize(
    "path",
    ["../secret.html", "%2e%2e/secret.html", "operators/../../secret.html", "..%2fsecret.html", ".hidden.html",
     "notes.txt", "index.html.gz", "operators", "nothing.html", "nothing/", "/index.html", "a" * 300 + ".html",
     "index.html%00", "./index.html"],
)  # fmt: skip
def test_nothing_beside_the_site_is_served(alice: Client, site: Path, path: str) -> None:
    answer = alice.get(f"/docs/{path}")
    assert answer.status_code == 404
    assert b"kept apart" not in answer.content
    assert b"unlisted" not in answer.content


def test_documentation_is_only_read(alice: Client, site: Path) -> None:
    assert alice.head("/docs/").status_code == 200
    assert alice.post("/docs/").status_code == 405


@pytest.mark.parametrize("address", ["/docs/", "/docs/operators/tls.html"])
def test_a_checkout_without_the_site_says_how_to_build_it(
    alice: Client, tmp_path: Path, settings: Any, address: str
) -> None:
    settings.DOCUMENTATION_ROOT = tmp_path / "nothing"
    answer = alice.get(address)
    assert answer.status_code == 404
    assert b"make docs" in answer.content


def test_every_page_of_the_console_leads_to_help(alice: Client, cast: Cast) -> None:
    for part, page in (
        ("tokens", "administrators/tokens"),
        ("logs", "administrators/logs"),
        ("people", "administrators/people"),
    ):
        assert f'href="/docs/{page}.html"'.encode() in alice.get(f"/accounts/{cast.acme.pk}/{part}/").content


def test_every_part_of_the_console_has_a_page_of_help_that_exists() -> None:
    routes = {str(pattern.pattern) for pattern in get_resolver("simsim.console.urls").url_patterns}
    parts = {route.split("/")[2] for route in routes if route.startswith("accounts/") and route.count("/") > 2}
    assert parts | {"operator", "security"} == set(PAGES)
    for part in parts:
        assert resolve(help_url(part)).url_name == "documentation"
        assert (DOCS / help_url(part).split("#")[0].removeprefix("/docs/").replace(".html", ".md")).is_file()
    assert resolve(help_url("")).url_name == "documentation_start"
