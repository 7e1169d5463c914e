"""Writes the generated part of `simsim.client` from the OpenAPI document: `make client` after any change of the API."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDER = CHECKOUT / "src/simsim/client/generated"
JSON, FORM, EVENTS = "application/json", "application/x-www-form-urlencoded", "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
HEADER = '"""{} Made from the OpenAPI document by `make client`; don’t edit."""\n\n'
# Fields whose value opens something: they have no place in a repr.
SECRETS = frozenset({"password", "secret", "code", "token", "HandOver.url"})
# A secret scanner signs its reports with a key of its own.
NOT_FOR_CLIENTS = frozenset({"report_leaked_passwords"})
SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
Schema = Mapping[str, Any]


def openapi_document() -> dict[str, Any]:
    """Return the document of this version of the code."""
    import django  # noqa: PLC0415 - Django reads its settings when it is imported

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "simsim.config.settings")
    django.setup()
    from simsim.api.description import document  # noqa: PLC0415
    from simsim.api.urls import api  # noqa: PLC0415

    found: dict[str, Any] = json.loads(json.dumps(document(api), default=str))
    return found


@dataclass(frozen=True)
class Parameter:
    """A parameter of a method. `default` is None where there is none."""

    name: str
    type: str
    default: str | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.type}" + (f" = {self.default}" if self.default is not None else "")


@dataclass
class Method:
    """One operation of the document."""

    name: str
    http: str
    path: str
    text: str
    answer: str
    kind: str
    item: str | None
    paths: list[Parameter] = field(default_factory=list)
    query: list[Parameter] = field(default_factory=list)
    body: list[Parameter] = field(default_factory=list)
    is_form: bool = False
    has_if_match: bool = False
    has_key: bool = False
    can_resume: bool = False

    @property
    def signature(self) -> str:
        named = [each for each in (*self.body, *self.query) if each.default is None]
        named += [Parameter("if_match", "str")] if self.has_if_match else []
        named += [each for each in (*self.body, *self.query) if each.default is not None]
        named += [Parameter("idempotency_key", "str | None", "None")] if self.has_key else []
        named += [Parameter("last_event_id", "str | None", "None")] if self.can_resume else []
        names = [each.name for each in (*self.paths, *named)]
        if len(set(names)) != len(names):
            raise SystemExit(f"{self.name}: a name is used for two parameters: {', '.join(names)}")
        return ", ".join(["self", *map(str, self.paths), *(["*", *map(str, named)] if named else [])])

    @property
    def request(self) -> str:
        path = re.sub(r"{(\w+)}", r"{part(\1)}", self.path)
        parts = [f'"{self.http}"', f'f"{path}"' if "{" in path else f'"{path}"']
        if self.query:
            parts.append("query=given(" + ", ".join(f"{each.name}={each.name}" for each in self.query) + ")")
        if self.body:
            values = "given(" + ", ".join(f"{each.name}={each.name}" for each in self.body) + ")"
            parts.append(f"{'form' if self.is_form else 'body'}={values}")
        if self.has_if_match:
            parts.append("if_match=if_match")
        if self.has_key:
            parts.append("idempotency_key=idempotency_key or new_key()")
        if self.can_resume:
            parts.append("last_event_id=last_event_id")
        return f"Request({', '.join(parts)})"


def parameter(name: str, schema: Schema, *, is_required: bool) -> Parameter:
    found = type_of(schema)
    if is_required:
        return Parameter(name, found)
    bare = found.removesuffix(" | None")
    return Parameter(name, f"{bare} | Unset{' | None' if bare != found else ''}", "UNSET")


def query_parameter(described: Schema) -> Parameter:
    found = type_of(described["schema"]).removesuffix(" | None")
    if described.get("required"):
        return Parameter(described["name"], found)
    return Parameter(described["name"], f"{found} | None", "None")


def type_of(schema: Schema, prefix: str = "models.") -> str:
    """Return the schema's type in Python; lists are tuples in answers (with no prefix), sequences in requests."""
    if "$ref" in schema:
        return prefix + str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema or "const" in schema:
        words = ", ".join(json.dumps(each) for each in schema.get("enum", [schema.get("const")]))
        return f"Literal[{words}]"
    if "anyOf" in schema:
        kinds = [type_of(each, prefix) for each in schema["anyOf"]]
        return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))
    if schema.get("type") == "array":
        inside = type_of(schema["items"], prefix)
        return f"Sequence[{inside}]" if prefix else f"tuple[{inside}, ...]"
    if schema.get("type") == "object":
        more = schema.get("additionalProperties")
        return f"Mapping[str, {type_of(more, prefix) if isinstance(more, Mapping) else 'Any'}]"
    return "datetime" if schema.get("format") == "date-time" else SCALARS.get(str(schema.get("type")), "Any")


def methods_of(document: Schema) -> Iterator[Method]:
    """Yield every operation of the document, by name."""
    described = {
        each["operationId"]: (http.upper(), path, each)
        for path, methods in document["paths"].items()
        for http, each in methods.items()
    }
    for name in sorted(described.keys() - NOT_FOR_CLIENTS):
        yield method_of(name, *described[name], document["components"]["schemas"])


def method_of(name: str, http: str, path: str, described: Schema, schemas: Schema) -> Method:
    kind, answer = answer_of(described["responses"])
    parameters = described["parameters"]
    query = [query_parameter(each) for each in parameters if each["in"] == "query"]
    is_paged = kind == "json" and any(each.name == "cursor" for each in query)
    found = Method(
        name, http, path, described["description"].split("\n\n")[0], answer, kind,
        item_of(schemas[answer.removeprefix("models.")]) if is_paged else None,
        [Parameter(each["name"], "str") for each in parameters if each["in"] == "path"], query,
    )  # fmt: skip
    headers = {each["name"] for each in parameters if each["in"] == "header"}
    if unknown := headers - {"If-Match", "Idempotency-Key", LAST_EVENT_ID}:
        raise SystemExit(f"{name}: no parameter for the headers {', '.join(sorted(unknown))}")
    found.has_if_match, found.has_key = "If-Match" in headers, "Idempotency-Key" in headers
    found.can_resume = LAST_EVENT_ID in headers
    content = described.get("requestBody", {}).get("content", {})
    for media in (JSON, FORM):
        if media in content:
            found.is_form = media == FORM
            found.body = list(body_parameters(content[media]["schema"], schemas))
            break
    return found


def answer_of(responses: Schema) -> tuple[str, str]:
    """Return how the answer of success comes, json, nothing, bytes or events, and its type."""
    content = success(responses).get("content", {})
    # A file in several formats comes as bytes, even if one of them is JSON.
    if content.keys() == {JSON}:
        return "json", type_of(content[JSON]["schema"])
    if not content:
        return "json", "None"
    return ("events", "ServerSentEvent") if EVENTS in content else ("bytes", "bytes")


def success(responses: Schema) -> Schema:
    found: list[Schema] = [each for status, each in responses.items() if status.startswith("2")]
    return found[0]


def item_of(page: Schema) -> str:
    return type_of(page["properties"]["items"]["items"])


def body_parameters(schema: Schema, schemas: Schema) -> Iterator[Parameter]:
    found = fields_of_body(schema, schemas)
    for name, each in found["properties"].items():
        yield parameter(name, each, is_required=name in found.get("required", ()))


def fields_of_body(schema: Schema, schemas: Schema) -> Schema:
    """Return the schema of a body itself, without its name."""
    found: Schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def models(document: Schema) -> str:
    """Return the module with a dataclass for each document that the server answers with."""
    schemas, tagged = document["components"]["schemas"], set()
    wanted: dict[str, None] = {}
    for methods in document["paths"].values():
        for each in methods.values():
            answer = success(each["responses"])
            schema = answer.get("content", {}).get(JSON, {}).get("schema", {})
            wanted |= dict.fromkeys(names_in(schema, schemas))
            for content in each.get("requestBody", {}).get("content", {}).values():
                # The method has the fields of the body itself, and takes the documents inside it.
                wanted |= dict.fromkeys(names_in(fields_of_body(content["schema"], schemas), schemas))
            if "ETag" in answer.get("headers", {}) and "$ref" in schema:
                tagged.add(schema["$ref"].rpartition("/")[2])
    text = HEADER.format("The documents with which the server answers.")
    text += "from __future__ import annotations\n\nfrom collections.abc import Mapping\n"
    text += "from dataclasses import dataclass, field\nfrom datetime import datetime\nfrom typing import Any, Literal\n"
    return text + "".join(model(name, schemas[name], is_tagged=name in tagged) for name in sorted(wanted))


def names_in(schema: Any, schemas: Schema) -> Iterator[str]:
    """Yield the names of the schemas that a schema needs."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            yield name
            yield from names_in(schemas[name]["properties"], schemas)
        for each in schema.values():
            yield from names_in(each, schemas)
    elif isinstance(schema, list):
        for each in schema:
            yield from names_in(each, schemas)


def model(name: str, schema: Schema, *, is_tagged: bool) -> str:
    lines = [f'\n\n@dataclass(frozen=True, kw_only=True)\nclass {name}:\n    """{schema["description"]}"""\n']
    for key, each in schema["properties"].items():
        is_secret = bool({key, f"{name}.{key}"} & SECRETS)
        found = type_of(each, prefix="")
        if key in schema.get("required", ()):
            default = " = field(repr=False)" if is_secret else ""
        else:
            found += "" if found.endswith("| None") else " | None"
            default = " = field(default=None, repr=False)" if is_secret else " = None"
        lines.append(f"    {key}: {found}{default}")
    if is_tagged:
        lines.append('    etag: str = field(default="", compare=False)')
    return "\n".join(lines) + "\n"


def operations(document: Schema, *, is_async: bool) -> str:
    """Return the module with a method for each operation."""
    connection, name = ("AsyncConnection", "AsyncSimsim") if is_async else ("Connection", "Simsim")
    module = "async_connection" if is_async else "connection"
    manager, iterator = ("AbstractAsyncContextManager", "AsyncIterator") if is_async else (
        "AbstractContextManager", "Iterator",
    )  # fmt: skip
    found = list(methods_of(document))
    body = "".join(
        streaming(each, manager, iterator) if each.kind != "json" else ordinary(each, is_async=is_async)
        for each in found
    )
    text = HEADER.format("A method for each operation of the management API.")
    text += f"from collections.abc import {iterator}, Mapping, Sequence\nfrom contextlib import {manager}\n"
    text += "from typing import Any, Literal\n\nfrom httpx2 import ServerSentEvent\n\n"
    text += f"from simsim.client.{module} import {connection}, pages_of\n"
    text += "from simsim.client.documents import UNSET, Unset, given\n"
    text += (
        "from simsim.client.exchange import Request, new_key, part\nfrom simsim.client.generated import models\n\n\n"
    )
    return f'{text}class {name}({connection}):\n    """The management API, as `{connection}` reaches it."""\n{body}'


def ordinary(method: Method, *, is_async: bool) -> str:
    before, wait = ("async ", "await ") if is_async else ("", "")
    answer = method.answer
    model = answer if answer != "None" else "type(None)"
    text = f"\n    {before}def {method.name}({method.signature}) -> {answer}:\n"
    text += f'        """{method.text}"""\n'
    text += f"        {'return ' if answer != 'None' else ''}{wait}self._send({method.request}, {model})\n"
    return text + (iterating(method, is_async=is_async) if method.item else "")


def iterating(method: Method, *, is_async: bool) -> str:
    """Return the method that yields the items of every page."""
    before, iterator = ("async ", "AsyncIterator") if is_async else ("", "Iterator")
    rest = [each for each in method.query if each.name != "cursor"]
    name = "iterate_" + method.name.removeprefix("list_")
    named = ", ".join(["*", *map(str, rest)])
    signature = ", ".join(["self", *map(str, method.paths), named])
    given = ", ".join(
        [*(each.name for each in method.paths), *(f"{each.name}={each.name}" for each in rest), "cursor=cursor"]
    )
    return (
        f"\n    {before}def {name}({signature}) -> {iterator}[{method.item}]:\n"
        f'        """Yield the items of every page of `{method.name}`."""\n'
        f"        {before}for page in pages_of(lambda cursor: self.{method.name}({given})):\n"
        + (
            "            for item in page.items:\n                yield item\n"
            if is_async
            else "            yield from page.items\n"
        )
    )


def streaming(method: Method, manager: str, iterator: str) -> str:
    events = "_resumed" if method.can_resume else "_events"
    send = events if method.kind == "events" else "_stream"
    return (
        f"\n    def {method.name}({method.signature}) -> {manager}[{iterator}[{method.answer}]]:\n"
        f'        """{method.text}"""\n'
        f"        return self.{send}({method.request})\n"
    )


def modules(document: Schema) -> dict[str, str]:
    """Return the generated modules by their names, formatted."""
    return {
        "models.py": formatted(models(document)),
        "operations.py": formatted(operations(document, is_async=False)),
        "async_operations.py": formatted(operations(document, is_async=True)),
    }


def formatted(text: str) -> str:
    """Return the module as `make fix` would leave it, without the imports that it does not need."""
    ruff = [str(Path(sys.executable).with_name("ruff"))]
    for command in ([*ruff, "check", "-q", "--fix", "--select", "F401,I"], [*ruff, "format", "-q"]):
        done = subprocess.run(
            [*command, "--stdin-filename", str(FOLDER / "module.py"), "-"],
            input=text, capture_output=True, text=True, check=True, cwd=CHECKOUT,
        )  # fmt: skip
        text = done.stdout
    return text


if __name__ == "__main__":
    for name, text in modules(openapi_document()).items():
        (FOLDER / name).write_text(text, encoding="utf-8")
