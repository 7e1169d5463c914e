"""The console's static files: compressed if accepted, cached forever, and no other file is served."""

import asyncio
import gzip
from pathlib import Path

import httpx
import pytest
from django.core.files.storage import FileSystemStorage

from simsim.console.static_files import StaticFiles
from simsim.console.static_storage import HashedAssets

STYLE = "body { color: teal }\n" * 50


@pytest.fixture
def names(tmp_path: Path) -> dict[str, str]:
    """The URL of each static file, below `collected`; a secret is beside that directory."""
    source = tmp_path / "source"
    (source / "console").mkdir(parents=True)
    (source / "console/style.css").write_text(STYLE)
    (source / "console/dot.svg").write_text("<svg/>")
    (source / "console/page.js").write_text('import { leaf } from "./leaf.js";\nleaf();\n')
    (source / "console/leaf.js").write_text("export const leaf = () => {};\n")
    (tmp_path / "secret.0123456789ab.css").write_text("secret")
    collected = HashedAssets(location=tmp_path / "collected", base_url="/static/")
    files = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.*"))
    originals = FileSystemStorage(source)
    for name in files:
        with originals.open(name) as file:
            collected.save(name, file)
    for _name, _hashed, processed in collected.post_process({name: (originals, name) for name in files}):
        assert not isinstance(processed, Exception)
    return {name: f"/static/{collected.stored_name(name)}" for name in files}


def fetch(tmp_path: Path, address: str, method: str = "GET", accept: str = "gzip, deflate, br") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(StaticFiles(tmp_path / "collected", "/static/"))
        async with httpx.AsyncClient(transport=transport, base_url="http://console.example") as client:
            return await client.request(method, address, headers={"accept-encoding": accept})

    return asyncio.run(ask())


def test_browser_gets_the_compressed_copy_and_caches_it_forever(tmp_path: Path, names: dict[str, str]) -> None:
    answer = fetch(tmp_path, names["console/style.css"])
    assert answer.text == STYLE
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert int(answer.headers["content-length"]) < len(STYLE) / 5


@pytest.mark.parametrize("accept", ["", "identity", "br", "gzip;q=0", "br, gzip; q=0.0", "xgzip"])
def test_client_without_gzip_gets_the_uncompressed_file(tmp_path: Path, names: dict[str, str], accept: str) -> None:
    answer = fetch(tmp_path, names["console/style.css"], accept=accept)
    assert answer.text == STYLE
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize("accept", ["GZIP", "br;q=1.0,gzip;q=0.5", "deflate, gzip;q=1"])
def test_accept_encoding_is_parsed_in_every_form(tmp_path: Path, names: dict[str, str], accept: str) -> None:
    answer = fetch(tmp_path, names["console/style.css"], accept=accept)
    assert answer.headers["content-encoding"] == "gzip"


def test_file_that_gzip_does_not_shrink_is_sent_uncompressed(tmp_path: Path, names: dict[str, str]) -> None:
    answer = fetch(tmp_path, names["console/dot.svg"])
    assert answer.text == "<svg/>"
    assert "content-encoding" not in answer.headers


def test_module_imports_another_by_its_hashed_name(tmp_path: Path, names: dict[str, str]) -> None:
    leaf = names["console/leaf.js"].rpartition("/")[2]
    assert f'from "./{leaf}"' in fetch(tmp_path, names["console/page.js"]).text


def test_head_has_the_headers_of_get(tmp_path: Path, names: dict[str, str]) -> None:
    got, told = (fetch(tmp_path, names["console/style.css"], method) for method in ("GET", "HEAD"))
    assert told.headers == got.headers
    assert told.content == b""
    assert fetch(tmp_path, names["console/style.css"], "POST").status_code == 405


@pytest.mark.parametrize(
    "address",
    [
        "/static/console/style.css",
        "/static/staticfiles.json",
        "/static/console/nothing.0123456789ab.css",
        "/static/../secret.0123456789ab.css",
        "/static/%2e%2e/secret.0123456789ab.css",
        "/static/console/..%2f..%2fsecret.0123456789ab.css",
        "/static//secret.0123456789ab.css",
        "/static/console",
        "/static/",
        f"/static/{'a' * 300}.0123456789ab.css",
    ],
)
def test_only_static_files_are_served(tmp_path: Path, names: dict[str, str], address: str) -> None:
    answer = fetch(tmp_path, address)
    assert answer.status_code == 404
    assert "secret" not in answer.text
    assert answer.headers["cache-control"] == "no-store", "an older console must not hide the file of a newer one"


def test_compressed_copy_has_no_url_of_its_own(tmp_path: Path, names: dict[str, str]) -> None:
    assert fetch(tmp_path, names["console/style.css"] + ".gz").status_code == 404


def test_truncated_compressed_copy_is_replaced(tmp_path: Path, names: dict[str, str]) -> None:
    original = tmp_path / "collected" / names["console/style.css"].removeprefix("/static/")
    copy = original.with_name(original.name + ".gz")
    copy.write_bytes(b"cut")
    source = FileSystemStorage(tmp_path / "source")
    collected = HashedAssets(location=tmp_path / "collected", base_url="/static/")
    list(collected.post_process({"console/style.css": (source, "console/style.css")}))
    assert gzip.decompress(copy.read_bytes()).decode() == STYLE
