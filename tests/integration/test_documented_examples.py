"""Every fenced block of the documentation is run, checked by the program that reads it, or listed with a reason."""

import base64
import inspect
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

import documented_examples
import packages
import smtp_server
from documented_examples import ELSEWHERE, NOT_RUN, Example, Key, example, examples
from example_proofs import PROOFS, WITH_ANOTHER
from postgresql_server import free_port
from readers_machine import Machine
from simsim.config.setting_sources import PREFIX
from smtp_server import Mailbox
from stack import BIN, PASSWORD, Stack, started

pytestmark = [pytest.mark.any_database, pytest.mark.covers("B22"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def mail_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def mailbox(mail_port: int) -> Iterator[Mailbox]:
    with smtp_server.serving(mail_port) as box:
        yield box


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, mail_port: int, mailbox: Mailbox) -> Iterator[Stack]:
    """The installation of an operator, with everything running."""
    settings = {"SIMSIM_EMAIL_URL": f"smtp://127.0.0.1:{mail_port}"}
    with started(Stack(tmp_path_factory.mktemp("stack"), on_postgresql=False, settings=settings)) as stack:
        yield stack


@pytest.fixture(scope="module")
def machine(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The machine on which the stack runs, as its operator and as one who calls its API see it."""
    pids = {name: stack.processes[name].pid for name in ("serve", "worker", "gateway")}
    made = Machine(tmp_path_factory.mktemp("machine"), stack.environment, pids, stack.data, BIN)
    token = stack.create_token("Of the reader")
    gateway, console = f"http://127.0.0.1:{stack.gateway_port}", f"http://127.0.0.1:{stack.console_port}"
    made.values |= {
        "https://api.example.com": gateway, "http://127.0.0.1:8080": gateway, "http://127.0.0.1:8000": console,
        "http://127.0.0.1:9000": f"http://127.0.0.1:{stack.api_port}",
        "USERNAME": token["username"], "PASSWORD": token["password"], "ID": stack.account,
        "'6f1c…:sim_…'": f"{token['username']}:{token['password']}",
        "BASE64(USERNAME:PASSWORD)": base64.b64encode(f"{token['username']}:{token['password']}".encode()).decode(),
        "CONSOLE_PASSWORD": PASSWORD, "simsim-2026-11-26.backup": f"simsim-{datetime.now(UTC):%F}.backup",
        "<pid of simsim serve, worker or gateway>": str(pids["serve"]),
    }  # fmt: skip
    return made


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages.build(tmp_path_factory.mktemp("release"), is_small=True)


@pytest.fixture(scope="module")
def new_machine(machine: Machine, release: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine with nothing but Python and the folder `dist`.

    Its environments find the packages of the tests already installed, so pip installs Simsim only.
    """
    folder = tmp_path_factory.mktemp("new")
    bare = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "DJANGO_"))}
    made = Machine(folder, bare, {path.name: int(path.read_text()) for path in (machine.folder / "pids").iterdir()},
                   folder / "var/lib/simsim", folder / "opt/simsim/bin")  # fmt: skip
    shutil.copytree(release, made.home / "dist")
    for wheel in release.glob("*.whl"):
        shutil.copy(wheel, made.home)
    made.environment["PYTHONPATH"] = str(packages.lent_folder(folder / "lent"))
    made.values |= {"NEW": "0.1.0", "CONSOLE_PASSWORD": PASSWORD}
    return made


@pytest.mark.parametrize("page", sorted({each.page for each in examples()}))
def test_every_example_of_the_page_has_one_place(page: str) -> None:
    for each in examples():
        if each.page == page:
            found = [key for key in places() if each.is_meant_by(key)]
            assert len(found) == 1, f"{each.page}:{each.line} has {len(found)} places: {found}"


def test_every_place_is_that_of_one_example() -> None:
    for page, words in places():
        example(page, words)
    assert all(NOT_RUN.values())
    assert set(WITH_ANOTHER.values()) <= set(PROOFS)


@pytest.mark.parametrize("path", ELSEWHERE)
def test_the_other_test_reads_the_page(path: str) -> None:
    text = (documented_examples.ROOT / path).read_text(encoding="utf-8")
    helpers = [documented_examples.ROOT / f"tests/{name}.py" for name in re.findall(r"^from (\w+) import", text, re.M)]
    text += "".join(helper.read_text(encoding="utf-8") for helper in helpers if helper.exists())
    for page, _ in ELSEWHERE[path]:
        assert page in text or Path(page).parent.as_posix() in text


def test_a_new_example_is_noticed() -> None:
    (found,) = documented_examples.examples_in("- so:\n  ```sh\n  simsim new\n  ```\n", "docs/new.md")
    assert found == Example("docs/new.md", 2, "sh", "simsim new\n")
    assert not any(found.is_meant_by(key) for key in places())


def places() -> list[Key]:
    return [*PROOFS, *WITH_ANOTHER, *NOT_RUN, *(key for listed in ELSEWHERE.values() for key in listed)]


@pytest.mark.parametrize("key", [key for key in NOT_RUN if example(*key).language.startswith("yaml")])
def test_yaml_that_is_not_run_is_yaml(key: Key) -> None:
    assert list(yaml.safe_load_all(example(*key).text))


@pytest.fixture(scope="module")
def restored(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("restored")
    return Machine(folder, stack.environment, {}, folder / "var/lib/simsim", BIN)


@pytest.mark.parametrize("key", PROOFS, ids=lambda key: f"{key[0]}: {key[1][:30]}".replace("\n", " "))
def test_example_does_what_its_page_says(key: Key, request: pytest.FixtureRequest) -> None:
    proof = PROOFS[key]
    parameters = inspect.signature(proof).parameters.values()
    names = [each.name for each in parameters if each.name != "text" and each.kind is not each.VAR_KEYWORD]
    proof(example(*key).text, **{name: request.getfixturevalue(name) for name in names})
