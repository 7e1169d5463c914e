"""The sample API says who called, answers HEAD as it answers GET, and fails where the log needs a failure."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from simsim.demo.sample_api import application


def ask(
    method: str, path: str, headers: list[tuple[bytes, bytes]] | None = None
) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers or []}
    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v2/entities", 200),
        ("/api/v2/entities/1002", 200),
        ("/api/v2/entities/1002/prices", 200),
        ("/api/v2/transactions", 200),
        ("/api/v2/entities/1009", 404),
        ("/api/v2/reports/nav", 500),
    ],
)
def test_head_has_the_status_and_headers_of_get_and_no_body(path: str, expected: int) -> None:
    status, headers, body = ask("GET", path)
    assert status == expected
    assert json.loads(body)
    assert int(headers[b"content-length"]) == len(body)
    assert ask("HEAD", path) == (status, headers, b"")


def test_answer_names_the_caller_as_the_gateway_does() -> None:
    named = [(b"x-simsim-account", b"a1"), (b"x-simsim-token", b"t1"), (b"x-simsim-token-name", b"Gr%C3%BC%C3%9Fe")]
    _, _, body = ask("GET", "/api/v2/caller", [(b"host", b"api.example"), *named])
    assert json.loads(body) == {"account": "a1", "token": "t1", "token_name": "Grüße"}
    assert json.loads(ask("GET", "/api/v2/caller")[2]) == {}
