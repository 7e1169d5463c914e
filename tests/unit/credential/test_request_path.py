"""The normal form of a path: what every program reads in the same way passes, and everything else is refused."""

import pytest

from request_paths import TRICKS
from simsim.credential.request_path import MAX_PATH_CHARACTERS, normal_path


@pytest.mark.covers("B16")
@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/api/v2/entities?x=/../y", "/api/v2/entities"),
        ("/api/v2/", "/api/v2/"),
        ("/%61pi/%7Euser", "/api/~user"),
        ("/b%c3%bcro", "/b%C3%BCro"),
        ("/a%3ab/c:d", "/a%3Ab/c:d"),
        ("/a%20b/.well-known/x.json", "/a%20b/.well-known/x.json"),
        ("/a%2eb", "/a.b"),
        ("/it's,(fine)!*&=+$@", "/it's,(fine)!*&=+$@"),
        ("/" + "a" * (MAX_PATH_CHARACTERS - 1), "/" + "a" * (MAX_PATH_CHARACTERS - 1)),
    ],
)
def test_path_that_every_program_reads_alike_has_a_normal_form(target: str, path: str) -> None:
    assert normal_path(target) == path
    assert normal_path(path) == path


@pytest.mark.covers("B16")
@pytest.mark.parametrize("target", TRICKS)
def test_path_that_programs_could_read_differently_has_none(target: str) -> None:
    assert normal_path(target) is None
