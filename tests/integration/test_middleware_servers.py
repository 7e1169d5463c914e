"""The documented examples of the middlewares, each behind a real server: let in, refused, revoked, and in the log."""

import json
import re
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postgresql_server import free_port
from settings_for_tests import ON_POSTGRESQL
from stack import Stack, settled

pytestmark = pytest.mark.covers("B9", "R15", "R17")
PAGE = Path(__file__).parents[2] / "docs/operators/middleware.md"
SERVERS = {"FastAPI": "asgi", "Starlette": "asgi", "Flask": "wsgi", "Django": "wsgi"}
APPLICATIONS = {"FastAPI": "app", "Starlette": "app", "Flask": "app", "Django": "application"}
# What a Django project has around the documented lines.
DJANGO = """
from django.conf import settings
from django.http import JsonResponse
from django.urls import path
settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="example")
urlpatterns = [path("orders", lambda request: JsonResponse({"account": request.META["simsim"].account}))]
"""
FORGED = {"X-Simsim-Account": "evil", "X-Simsim-Role": "evil"}


def example(framework: str) -> str:
    found = re.search(rf"^## {framework}\n.*?```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    assert found, framework
    return (DJANGO if framework == "Django" else "") + found[1]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation of which only the worker runs: no console, no gate, no gateway."""
    stack = Stack(tmp_path_factory.mktemp("middleware"), ON_POSTGRESQL)
    stack.copy(settled(ON_POSTGRESQL))
    stack.start_worker()
    yield stack
    stack.stop()


@pytest.mark.parametrize("framework", SERVERS)
def test_documented_example_protects_an_api(stack: Stack, framework: str) -> None:
    stack.gateway_port = free_port()
    (stack.directory / framework).mkdir()
    (stack.directory / framework / "example.py").write_text(example(framework))
    stack.spawn(
        framework, sys.executable, "-m", "granian", "--interface", SERVERS[framework], "--host", "127.0.0.1", "--port",
        str(stack.gateway_port), "--log-level", "error", "--working-dir", str(stack.directory / framework),
        f"example:{APPLICATIONS[framework]}",
    )  # fmt: skip
    stack.wait_until(lambda: stack.get("/orders").status == 401, "the API answers")
    token = stack.create_token(f"{framework} {secrets.token_hex(2)}")
    auth, elsewhere = (
        (token["username"], token["password"]),
        stack.create_token(f"{framework}, far", "--allow", "192.0.2.0/24"),
    )
    said = stack.get("/orders?secret=1", auth=auth, headers=FORGED)
    assert (said.status, json.loads(said.body)) == (200, {"account": stack.account})
    assert stack.get("/orders", auth=(elsewhere["username"], elsewhere["password"])).status == 401
    assert stack.get("/nothing", auth=auth).status == 404
    stack.revoke(token["id"])
    assert stack.get("/orders", auth=auth).status == 401
    stack.wait_until(lambda: len(rows(stack, token)) == 3, "the log has the requests")
    assert [
        (row["resource"], row["status"], row["outcome"], row["reason"], row["address"]) for row in rows(stack, token)
    ] == [
        ("/orders", 401, "refused", "revoked", "127.0.0.1"),
        ("/nothing", 404, "accepted", "ok", "127.0.0.1"),
        ("/orders", 200, "accepted", "ok", "127.0.0.1"),
    ]
    assert all(row["duration_seconds"] > 0 for row in rows(stack, token))


def rows(stack: Stack, token: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in stack.log_rows(token=token["id"]) if row["status"]]
