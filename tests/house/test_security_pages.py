"""The pages about security name tests that exist, and leave out no threat, key, algorithm or row about a person."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from simsim.config.environment import Environment

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/security"
SOURCE = ROOT / "src/simsim"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
THREATS = {f"T{number}" for number in range(1, 22)} | {"API7"}
CRYPTOGRAPHY = {
    "hashlib", "hmac", "secrets", "ssl", "cryptography", "pyrage", "joserfc", "jwt", "standardwebhooks",
}  # fmt: skip
DJANGOS = {"django.core.signing", "django.contrib.auth.hashers", "django.utils.crypto"}
OF_A_PERSON = re.compile(r"^(email|recipient|os_user|browser|actor_label|\w*address|\w+_by_label)$")


@cache
def functions_of(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def page(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


def rows(name: str, first: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the page's tables whose first cell matches."""
    for line in page(name).splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and re.fullmatch(first, cells[0]):
            yield cells


def test_every_test_that_a_page_names_exists() -> None:
    named = {(path.name, *found) for path in PAGES.glob("*.md") for found in TEST.findall(path.read_text("utf-8"))}
    assert len(named) > 50
    assert [each for each in sorted(named) if each[2] not in functions_of(each[1])] == []


def test_every_threat_has_a_test() -> None:
    found = list(rows("threats.md", r"T\d+|API\d+"))
    assert sorted(cells[0] for cells in found) == sorted(THREATS)
    assert [cells[0] for cells in found if not TEST.search(cells[-1])] == []


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_every_module_that_uses_cryptography_is_in_the_inventory() -> None:
    using = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if not {"migrations", "demo"} & set(path.relative_to(SOURCE).parts)
        and any(name.partition(".")[0] in CRYPTOGRAPHY or name in DJANGOS for name in imported(path))
    }
    listed = set(re.findall(r"`([a-z_/]+\.py)`", page("cryptography.md")))
    assert sorted(using - listed) == []
    assert [each for each in sorted(listed) if not (SOURCE / each).is_file()] == []


def test_every_setting_with_a_secret_is_among_the_keys() -> None:
    secret = {
        name
        for name, field in Environment.model_fields.items()
        if "Secret" in str(field.annotation) or name == "tls_key"
    }
    assert len(secret) > 5
    listed = set(re.findall(r"`SIMSIM_([A-Z_]+)`", page("keys.md")))
    assert sorted(name for name in secret if name.upper() not in listed) == []


def models() -> Iterator[tuple[str, set[str]]]:
    """Yield each model that is stored with the names of its fields."""
    for path in [*SOURCE.rglob("models.py"), *SOURCE.rglob("*_models.py")]:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                fields = {
                    each.targets[0].id
                    for each in node.body
                    if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
                }
                yield node.name, fields


@pytest.mark.parametrize("name", sorted({name for name, fields in models() if any(map(OF_A_PERSON.match, fields))}))
def test_every_row_about_a_person_is_on_the_page_about_personal_data(name: str) -> None:
    assert f"`{name}`" in page("personal-data.md")


def test_security_file_says_how_fast_a_vulnerability_is_closed() -> None:
    text = " ".join((ROOT / "SECURITY.md").read_text(encoding="utf-8").split())
    for promise in (
        "within three working days",
        "within two working days for a critical vulnerability",
        "within 90 days",
    ):
        assert promise in text
