"""The demo's settings, and the messages when it can't start."""

import os
import socket
from pathlib import Path

import pytest

from simsim.demo.installation import LOOPBACK, Installation, free_port, read_json, write_json
from simsim.problem import Unusable


def test_defaults_are_those_of_the_contract() -> None:
    installation = Installation.from_environment({})
    assert (installation.home, installation.port, installation.gateway_port) == (Path(".demo").absolute(), 8000, 8080)
    assert (installation.console_url, installation.gateway_url) == ("http://localhost:8000", "http://127.0.0.1:8080")


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "８０"])
def test_error_about_an_invalid_port_names_the_variable(text: str) -> None:
    with pytest.raises(Unusable, match=r"^DEMO_GATEWAY_PORT must be a port number"):
        Installation.from_environment({"DEMO_GATEWAY_PORT": text})


def test_port_in_use_names_the_variable_to_set(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(Unusable, match=rf"^Port {taken} is in use: choose another with DEMO_PORT$"):
            Installation(tmp_path, taken, free_port(None)).prove_ports_free()
        with pytest.raises(Unusable, match=r"choose another with DEMO_GATEWAY_PORT$"):
            Installation(tmp_path, free_port(None), taken).prove_ports_free()
        assert free_port(taken) != taken
    assert free_port(taken) == taken


def test_one_directory_has_one_demo(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "demo", 1, 2)
    lock = installation.claim()
    with pytest.raises(Unusable, match=r"^A demo is already running in DEMO_DIR="):
        installation.claim()
    os.close(lock)
    os.close(installation.claim())
    (tmp_path / "file").touch()
    with pytest.raises(Unusable, match=r"^DEMO_DIR: "):
        Installation(tmp_path / "file" / "demo", 1, 2).claim()


def test_files_are_readable_only_by_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    assert read_json(path) == {}
    write_json(path, {"a": "ä"})
    write_json(path, {"a": "b"})
    assert read_json(path) == {"a": "b"}
    assert path.stat().st_mode & 0o777 == 0o600
