"""The Python client has a method for each operation of the OpenAPI document, and an attribute for each field."""

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.any_database
WHAT_TO_DO = "The management API has changed. Run `make client`, and commit what it writes."


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "release"))
    monkeypatch.delitem(sys.modules, "client", raising=False)
    import client

    return client


@pytest.mark.covers("B7")
def test_the_client_is_the_one_that_the_document_describes(generator: Any) -> None:
    document = generator.openapi_document()
    for name, text in generator.modules(document).items():
        assert (generator.FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: {WHAT_TO_DO}"


def test_operations_that_answer_otherwise_than_with_json_get_their_methods(generator: Any) -> None:
    """Downloads, events and forms: the generator knows them before the document has one."""

    def operation(name: str, content: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = {"description": "D", "content": content}
        return {"operationId": name, "description": "D", "parameters": [], "responses": {"200": answer}} | more

    form = {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]}
    document = {
        "paths": {
            "/export": {"get": operation("export", {"text/csv": {}, "application/x-ndjson": {}})},
            "/follow": {"get": operation("follow", {"text/event-stream": {}})},
            "/end": {
                "post": operation(
                    "end", {}, requestBody={"content": {"application/x-www-form-urlencoded": {"schema": form}}}
                )
            },
        },
        "components": {"schemas": {}},
    }
    text = generator.operations(document, is_async=False)
    assert "def export(self) -> AbstractContextManager[Iterator[bytes]]:" in text
    assert "def follow(self) -> AbstractContextManager[Iterator[ServerSentEvent]]:" in text
    assert 'self._send(Request("POST", "/end", form=given(token=token)), type(None))' in text
