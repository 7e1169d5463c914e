"""Passwords are found wherever they may have leaked to, and nothing else is taken for one."""

import base64
import bz2
import gzip
import io
import lzma
import random
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsim.credential import management_password, password
from simsim.operations.leak_scan import files
from simsim.operations.leak_scan.files import Unread
from simsim.operations.leak_scan.passwords import Leak, find
from simsim.operations.leak_scan.scan import Hit, scan
from simsim.problem import Unusable, WrongUsage

SECRET, MANAGEMENT_SECRET = password.mint(), management_password.mint()
USERNAME = "0b4c3f0e-8c1c-4f0a-9a50-1f2f3a4b5c6d"
BROKEN = SECRET[:-1] + ("a" if SECRET[-1] != "a" else "b")


def basic(text: str) -> bytes:
    return base64.b64encode(text.encode())


def forms_of(secret: str) -> dict[str, bytes]:
    """Return the forms in which a password leaks."""
    return {
        "plain": secret.encode(),
        "in a URL": f"https://{USERNAME}:{secret}@api.example.com/".encode(),
        "glued to other text": f"x{secret}y".encode(),
        "UTF-16": secret.encode("utf-16"),
        "UTF-16, big-endian": secret.encode("utf-16-be"),
        "Authorization": b"Authorization: Basic " + basic(f"{USERNAME}:{secret}"),
        "base64 of the password": basic(secret),
        "base64, shifted by one": basic(f"a{secret}"),
        "base64, shifted by two": basic(f"ab{secret}"),
        "base64 for URLs, unpadded": base64.urlsafe_b64encode(f"{USERNAME}:{secret}".encode()).rstrip(b"="),
        "base64, wrapped": base64.encodebytes(f"{USERNAME}:{secret}".encode()),
    }


FORMS = forms_of(SECRET)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_password_is_found_in_every_form(form: bytes) -> None:
    assert list(find([b"one\ntwo " + form + b" three\n"])) == [Leak(2, SECRET)]


@pytest.mark.parametrize("form", forms_of(MANAGEMENT_SECRET).values(), ids=FORMS)
def test_password_of_a_management_token_is_found_in_every_form(form: bytes) -> None:
    assert list(find([b"one\ntwo " + form + b" three\n"])) == [Leak(2, MANAGEMENT_SECRET)]


@given(st.integers(0, 2000), st.integers(1, 1500), st.sampled_from(list(FORMS.values())))
def test_chunks_hide_nothing_and_double_nothing(before: int, size: int, form: bytes) -> None:
    text = b"\n" * before + b"  " + form + b"\n" + form + b"\n" * 700
    whole = list(find([text]))
    assert list(find([text[at : at + size] for at in range(0, len(text), size)])) == whole
    assert {leak.password for leak in whole} == {SECRET}
    assert whole[0].line == before + 1


def test_nothing_else_is_taken_for_a_password() -> None:
    text = f"{BROKEN} {SECRET[:-1]} sim_cards {'sim_' + 'a' * 49} {basic(BROKEN).decode()} c2ltX NpbV zaW1f".encode()
    assert list(find([text, f" simm_{'a' * 49} {basic(f'simm_{SECRET[4:]}').decode()}".encode()])) == []


def packed(name: str) -> bytes:
    """Return an archive with a file that holds the password on its second line."""
    content, out = f"a\n{SECRET}\n".encode(), io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("conf/app.env", content)
    elif ".tar" in name:
        with tarfile.open(fileobj=out, mode="w") as archive:
            member = tarfile.TarInfo("conf/app.env")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        return gzip.compress(out.getvalue()) if name.endswith("gz") else out.getvalue()
    elif name.endswith(".gz"):
        return gzip.compress(content)
    else:
        return bz2.compress(content) if name.endswith(".bz2") else lzma.compress(content)
    return out.getvalue()


def hits(path: Path, **options: Any) -> tuple[list[Hit], list[str]]:
    unread = Unread()
    return list(scan([str(path)], unread, with_history=options.get("with_history", False))), unread.reasons


@pytest.mark.parametrize(
    ("name", "member"),
    [("a.zip", "!conf/app.env"), ("a.tar", "!conf/app.env"), ("a.tar.gz", "!conf/app.env"), ("a.gz", ""), ("a.bz2", ""),
     ("a.xz", "")],
)  # fmt: skip
def test_archives_are_opened(tmp_path: Path, name: str, member: str) -> None:
    file = tmp_path / name
    file.write_bytes(packed(name))
    assert hits(tmp_path) == ([Hit(f"{file}{member}", 2, SECRET)], [])


def test_archives_in_archives_are_opened_and_damaged_ones_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.writestr("inner.tar.gz", packed("inner.tar.gz"))
    (tmp_path / "torn.zip").write_bytes(packed("torn.zip")[:-30])
    (tmp_path / "torn.gz").write_bytes(packed("torn.gz")[:-9])
    found, unread = hits(tmp_path)
    assert found[0] == Hit(f"{tmp_path}/outer.zip!inner.tar.gz!conf/app.env", 2, SECRET)
    assert [line.partition(":")[0] for line in unread] == [f"{tmp_path}/torn.gz", f"{tmp_path}/torn.zip"]


def test_archive_that_unpacks_without_end_is_left_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_UNPACKED", 10 << 20)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"\0" * (20 << 20)))
    assert hits(tmp_path) == ([], [f"{tmp_path}/bomb.gz: unpacks to more than 0 GiB"])


def test_links_are_not_followed_and_unreadable_folders_are_named(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(SECRET)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    (inside / "loop").symlink_to(inside)
    assert hits(inside) == ([], [])
    with pytest.raises(WrongUsage, match="no file or folder"):
        hits(tmp_path / "nothing")


def git(directory: Path, *arguments: str) -> str:
    named = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *named, "-C", directory, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_hundred_planted_passwords_are_found_in_the_history(tmp_path: Path) -> None:
    planted = [password.mint() for _ in range(100)]
    git(tmp_path, "init")
    for number, secret in enumerate(planted):
        (tmp_path / f"f{number % 7}.env").write_text(f"A={number}\nPASSWORD={secret}\n")
        if number % 10 == 9:
            git(tmp_path, "add", ".")
            git(tmp_path, "commit", "-m", f"Step {number}")
        else:
            git(tmp_path, "hash-object", "-w", f"f{number % 7}.env")  # in no commit
    (tmp_path / "f0.env").write_text("A=clean\n")
    git(tmp_path, "commit", "-am", f"Remove {SECRET}")
    found, unread = hits(tmp_path, with_history=True)
    assert unread == []
    in_history = [hit for hit in found if hit.place.startswith(f"{tmp_path}: ")]
    assert {hit.password for hit in in_history} == {*planted, SECRET}
    places = {hit.password: hit.place for hit in in_history}
    assert places[SECRET].startswith(f"{tmp_path}: message of commit ")
    assert ".env in commit " in places[planted[99]]
    assert places[planted[0]].endswith(", which no branch or tag reaches")


def test_repository_that_git_refuses_is_an_error_and_not_a_clean_result(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere\n")
    with pytest.raises(Unusable, match="Git can't read the history"):
        hits(tmp_path, with_history=True)


def test_much_other_text_holds_none() -> None:
    chosen = random.Random(0)
    lines = [
        f"{chosen.random()} sim_{chosen.randbytes(20).hex()} c2ltX{chosen.randbytes(30).hex()}\n" for _ in range(1000)
    ]
    chunk = "".join(lines).encode()
    assert list(find(chunk for _ in range(100))) == []
