"""Parts of a path that identify somebody are masked before it is stored, and a million ids are one endpoint."""

import tracemalloc
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.request_log.ship.endpoints import MAX_ENDPOINT_LENGTH, Paths, parse_pattern

pytestmark = pytest.mark.covers("R17")


@pytest.mark.parametrize(
    ("pattern", "path", "stored"),
    [
        ("/holdings/{id}", "/holdings/DE89370400440532013000", "/holdings/{id}"),
        ("/holdings/{id}", "/holdings/42/prices/7", "/holdings/{id}/prices/7"),
        ("/a/{person}/b/{iban}", "/a/jane/b/x", "/a/{person}/b/{iban}"),
        ("/holdings/{id}", "/holdings/", "/holdings/"),
        ("/holdings/{id}", "/holdings", "/holdings"),
        ("/holdings/{id}", "/Holdings/42", "/Holdings/42"),
        ("/holdings/{id}", "holdings/42", "holdings/42"),
        ("/holdings/{id}", "*", "*"),
    ],
)
def test_masked_parts_of_a_path_are_not_stored(pattern: str, path: str, stored: str) -> None:
    parsed = parse_pattern(pattern)
    assert parsed is not None
    assert Paths([parsed]).read(path)[0] == stored


def test_every_matching_pattern_masks() -> None:
    patterns = [parse_pattern("/a/{x}"), parse_pattern("/a/b/{y}")]
    assert Paths(filter(None, patterns)).read("/a/b/c")[0] == "/a/{x}/c"
    assert Paths(filter(None, reversed(patterns))).read("/a/b/c")[0] == "/a/{x}/{y}"


@pytest.mark.parametrize(
    "text",
    ["", "/", "holdings/{id}", "/holdings", "/holdings/id", "/holdings/{}", "/holdings/{ID}", "/h//{id}", "/h/{id}?x",
     "/h/{id}/", "/h/x{id}", "/h/{id}#", "/h/\u00e9/{id}", "/h /{id}"],
)  # fmt: skip
def test_invalid_pattern_is_refused(text: str) -> None:
    assert parse_pattern(text) is None


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/api/v2/entities", "/api/v2/entities"),
        ("/api/v2/entities/17/values", "/api/v2/entities/{id}/values"),
        (f"/x/{uuid.uuid4()}", "/x/{id}"),
        ("/x/5f2d1c3b4a5968778695a4b3", "/x/{id}"),
        ("/x/deadbeef", "/x/deadbeef"),
        ("/x/" + "y" * 41, "/x/{id}"),
        ("/x/2026-11-24", "/x/2026-11-24"),
        ("*", "*"),
    ],
)
def test_ids_are_left_out_of_an_endpoints_name(path: str, endpoint: str) -> None:
    assert Paths().read(path) == (path, endpoint)


@given(st.text(max_size=60).map(lambda text: f"/{text}"))
def test_endpoints_name_names_the_same_endpoint(path: str) -> None:
    name = Paths().read(path)[1]
    assert Paths().read(name)[1] == name
    assert len(name) <= MAX_ENDPOINT_LENGTH


def test_long_paths_that_callers_make_up_do_not_fill_the_memory() -> None:
    paths = Paths()
    tracemalloc.start()
    try:
        for number in range(3_000):
            paths.read(f"/{number}/{'x' * 2_000}")
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept_bytes < 1_000_000
