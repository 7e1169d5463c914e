"""Every action leaves an event in the audit trail, and every event comes from one and can hold no secret."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from simsim.audit.events import Event

SOURCE = Path(__file__).parents[2] / "src/simsim"
ROOMS = ("account_log", "accounts", "tokens")
RECORDERS = {"record", "record_all"}
# Actions that record nothing, and why.
SILENT: dict[str, str] = {}


def modules(room: str = "") -> Iterator[ast.Module]:
    for path in sorted((SOURCE / room).rglob("*.py")):
        if "migrations" not in path.parts:
            yield ast.parse(path.read_text(encoding="utf-8"))


def names_called(function: ast.FunctionDef) -> set[str]:
    called = {node.func for node in ast.walk(function) if isinstance(node, ast.Call)}
    return {node.attr if isinstance(node, ast.Attribute) else node.id for node in called
            if isinstance(node, ast.Attribute | ast.Name)}  # fmt: skip


def actions() -> dict[str, ast.FunctionDef]:
    """Return the functions that change something for an actor in one transaction, by name."""
    return {
        node.name: node
        for room in ROOMS
        for module in modules(room)
        for node in module.body
        if isinstance(node, ast.FunctionDef) and is_action(node)
    }


def is_action(function: ast.FunctionDef) -> bool:
    is_atomic = any(ast.unparse(each).startswith("transaction.atomic") for each in function.decorator_list)
    return is_atomic and not function.name.startswith("_") and "now" in {each.arg for each in function.args.kwonlyargs}


@pytest.mark.covers("B6")
def test_every_action_records_an_event() -> None:
    functions = {
        node.name: names_called(node)
        for room in ROOMS
        for module in modules(room)
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef)
    }

    def reaches(name: str, seen: frozenset[str] = frozenset()) -> bool:
        called = functions.get(name, set()) - seen
        return bool(called & RECORDERS) or any(reaches(each, seen | called | {name}) for each in called)

    found = actions()
    assert len(found) > 15
    silent = {name for name, action in found.items() if not (names_called(action) & RECORDERS) and not reaches(name)}
    assert silent == set(SILENT)


@pytest.mark.covers("B6")
def test_every_event_is_recorded_somewhere() -> None:
    used = {
        node.attr
        for module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Event"
        and isinstance(node.ctx, ast.Load)
    }  # fmt: skip
    assert {event.name for event in Event} - used == set()


@pytest.mark.covers("B6")
def test_no_event_may_hold_a_secret() -> None:
    secret = ("password", "secret", "digest", "credential", "cookie", "session", "sealed", "code")
    found = [f"{event}: {name}" for event in Event for name in event.details if any(word in name for word in secret)]
    assert not found
    assert all(event.details or event.value.startswith(("session.", "token.tried")) for event in Event)
