"""*How to connect*: the recipes run against a real gateway, and the pages show them to those who may see them."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simsim.console.connect.recipes import ENVIRONMENT_COMMANDS, Api, Recipe, recipes
from stack import Stack

pytestmark = [pytest.mark.any_database, pytest.mark.timeout(600), pytest.mark.covers("R20")]
ENTITIES = "/api/v2/entities"
# Each character is valid in a URL, and special to a shell, to curl, or in a string literal.
AWKWARD = ENTITIES + "?name=it's&when=$(date)&some=[1-3],*;!"
SECRET = "sim_" + "x" * 49


@pytest.fixture(scope="module")
def token(stack: Stack) -> dict[str, Any]:
    return stack.create_token("Recipes")


class Kitchen:
    """Runs recipes for the token; `password_shown` chooses between the two variants."""

    def __init__(self, stack: Stack, token: dict[str, Any], example: str) -> None:
        self.api = Api(f"http://127.0.0.1:{stack.gateway_port}", example)
        self.username, self.password = token["username"], token["password"]

    def recipe(self, slug: str, *, password_shown: bool) -> Recipe:
        shown = self.password if password_shown else None
        (found,) = (r for r in recipes(username=self.username, api=self.api, password=shown) if r.slug == slug)
        return found

    def text(self, slug: str, number: int = 0, *, password_shown: bool) -> str:
        return self.recipe(slug, password_shown=password_shown).snippets[number].text

    def run(self, *command: str, typed: str = "", password_set: bool = False) -> str:
        """Run as in a separate login without a terminal; return the output."""
        environment = {"PATH": os.environ["PATH"]} | ({"SIMSIM_PASSWORD": self.password} if password_set else {})
        done = subprocess.run(
            command, env=environment, input=typed, capture_output=True, text=True, timeout=30, start_new_session=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(params=[ENTITIES, AWKWARD], ids=["plain", "awkward"])
def kitchen(request: pytest.FixtureRequest, stack: Stack, token: dict[str, Any]) -> Kitchen:
    return Kitchen(stack, token, request.param)


def are_entities(rows: object) -> bool:
    return isinstance(rows, list) and rows[0]["name"] == "Baobab Growth Fund"


def test_curl_recipe_works_when_pasted(kitchen: Kitchen) -> None:
    assert are_entities(json.loads(kitchen.run("bash", "-c", kitchen.text("curl", password_shown=True))))
    asking = kitchen.text("curl", 0, password_shown=False)
    assert are_entities(json.loads(kitchen.run("bash", "-c", asking, typed=kitchen.password + "\n")))
    scripted = kitchen.text("curl", 1, password_shown=False)
    assert are_entities(json.loads(kitchen.run("bash", "-c", scripted, password_set=True)))


def test_password_typed_at_the_prompt_reaches_the_script(kitchen: Kitchen) -> None:
    lines = ENVIRONMENT_COMMANDS["bash, zsh"] + "\n" + kitchen.text("curl", 1, password_shown=False)
    assert are_entities(json.loads(kitchen.run("bash", "-c", lines, typed=kitchen.password + "\n")))


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_python_recipes_work_when_pasted(kitchen: Kitchen, library: str) -> None:
    for shown in (True, False):
        script = kitchen.text(library, password_shown=shown)
        printed = kitchen.run(sys.executable, "-c", script, password_set=not shown)
        assert are_entities(ast.literal_eval(printed))


def test_python_recipes_fail_loudly_with_a_wrong_password(kitchen: Kitchen) -> None:
    for library in ("requests", "httpx"):
        script = kitchen.text(library, password_shown=True).replace(kitchen.password, SECRET)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 1
        assert "401" in done.stderr


def test_header_recipe_opens_the_api_from_any_program(kitchen: Kitchen, stack: Stack) -> None:
    ready = kitchen.text("anything", password_shown=True)
    computed = kitchen.run("bash", "-c", kitchen.text("anything", 1, password_shown=False), password_set=True)
    assert computed == ready + "\n"
    name, _, value = ready.partition(": ")
    assert stack.get(ENTITIES, headers={name: value}).status == 200
    first, host, last = kitchen.text("anything", 0, password_shown=False).splitlines()
    assert (first, host) == (f"GET {kitchen.api.example} HTTP/1.1", f"Host: 127.0.0.1:{stack.gateway_port}")
    assert last.startswith("Authorization: Basic ")


def test_postman_collection_is_of_its_format_and_its_request_is_answered(kitchen: Kitchen, stack: Stack) -> None:
    document = json.loads(kitchen.text("postman", password_shown=True))
    assert document["info"]["schema"].endswith("/collection/v2.1.0/collection.json")
    assert set(document) == {"info", "auth", "item", "variable"}
    variables = {variable["key"]: variable for variable in document["variable"]}
    assert variables["password"] == {"key": "password", "value": "", "type": "secret"}
    assert kitchen.password not in json.dumps(document)

    def fill(text: str) -> str:
        values = {key: variable["value"] for key, variable in variables.items()} | {"password": kitchen.password}
        return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], text)

    assert document["auth"]["type"] == "basic"
    basic = {part["key"]: fill(part["value"]) for part in document["auth"]["basic"]}
    (item,) = document["item"]
    request = item["request"]
    url = request["url"]
    query = "&".join(f"{pair['key']}={pair['value']}" for pair in url.get("query", []))
    assert fill(url["raw"]) == kitchen.api.address
    assert fill("/".join((*url["host"], *url["path"]))) + ("?" + query if query else "") == kitchen.api.address
    path = fill(url["raw"]).removeprefix(kitchen.api.base)
    answer = stack.get(path, auth=(basic["username"], basic["password"]), method=request["method"])
    assert answer.status == 200
    assert are_entities(json.loads(answer.body))


@pytest.mark.parametrize("slug", ["excel", "power-bi"])
@pytest.mark.parametrize(
    "example", [ENTITIES, AWKWARD, '/"#(lf)\n#"x"', '/"), Evil = Web.Contents("https://evil.example']
)
def test_power_query_is_balanced_and_calls_the_one_address(slug: str, example: str) -> None:
    found = {r.slug: r for r in recipes(username="u", api=Api("https://api.example.com", example), password=SECRET)}
    text = found[slug].snippets[0].text
    assert SECRET not in text
    literals = re.findall(r'"(?:[^"]|"")*"', text)
    assert len(literals) == 1  # the address: no part of it became a word of the program
    program = text.replace(literals[0], "")
    assert all(program.count(left) == program.count(right) for left, right in ("()", "{}", "[]"))
    assert "evil" not in program
    assert program.split()[0] == "let"
    assert program.split()[-2:] == ["in", "Result"]
    assert "\n" not in literals[0]


def test_password_is_marked_and_in_no_representation() -> None:
    found = recipes(username="u", api=Api("https://api.example.com"), password=SECRET)
    assert SECRET not in repr(found)
    for recipe in found:
        for snippet in recipe.snippets:
            assert "".join(text for text, _ in snippet.pieces) == snippet.text
            assert not any(SECRET in text for text, is_secret in snippet.pieces if not is_secret)


def test_account_holder_who_reads_the_guide_reads_the_recipes() -> None:
    guide = (Path(__file__).parents[3] / "docs/integrators/connect.md").read_text(encoding="utf-8")
    api = Api("https://api.example.com", ENTITIES)
    for recipe in recipes(username="USERNAME", api=api):
        if recipe.slug != "postman":
            for snippet in recipe.snippets:
                assert snippet.text in guide, recipe.slug
    for line in ENVIRONMENT_COMMANDS.values():
        assert line in guide
