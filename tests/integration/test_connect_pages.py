"""The pages *How to connect* over HTTP: who may open them, what they show, and that they never show a password."""

import html
import json
import re
import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client
from pytest_django import Settings

from cast import Cast
from page_reading import folded
from simsim.accounts.models import User
from simsim.console.connect.recipes import PLACEHOLDER_URL, Api, Recipe, recipes
from simsim.tokens.actions import create_token, show_credentials

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("R20")]
SLUGS = ["curl", "requests", "httpx", "postman", "excel", "power-bi", "anything"]
PASSWORD_SHAPE = re.compile(r"sim_[0-9A-Za-z]{49}")
HOSTILE = "<script>alert(1)</script> \"'&amp; {{ x }} {% y %} שלום"
HOSTILE_API = ("https://api.example.com/'<b>\"", "/$(id)?a=1&amp;b=<script>alert(2)</script>")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def connect(cast: Cast, slug: str = "") -> str:
    return f"/accounts/{cast.acme.pk}/connect/" + (f"{slug}/" if slug else "")


def addresses(cast: Cast) -> list[str]:
    return [connect(cast), *(connect(cast, slug) for slug in SLUGS), connect(cast) + "postman.json"]


def say_where(settings: Settings, url: str, example: str = "/") -> Api:
    settings.OPERATOR = settings.OPERATOR.model_copy(update={"api_url": url, "api_example": example})
    return Api(url, example)


def texts_of(content: str) -> list[str]:
    """Return the texts of a page's snippets, as a browser would copy them."""
    bodies = re.findall(r'<code\s+id="recipe-[^"]+">(.*?)</code>', content, re.DOTALL)
    return [html.unescape(re.sub(r"</?span[^>]*>", "", body)) for body in bodies]


def recipe_of(cast: Cast, api: Api, slug: str) -> Recipe:
    return next(r for r in recipes(username=str(cast.acme.pk), api=api) if r.slug == slug)


@pytest.mark.covers("R3")
@pytest.mark.parametrize(("who", "status"), [("alice", 200), ("bob", 200), ("charlie", 404)])
def test_only_people_of_the_account_see_how_to_connect(cast: Cast, who: str, status: int) -> None:
    client = signed_in(getattr(cast, who))
    for address in addresses(cast):
        answer = client.get(address)
        assert answer.status_code == status, address
        assert (str(cast.acme.pk) in answer.content.decode()) == (status == 200)
        assert client.post(address).status_code == 405
    assert client.get(connect(cast, "fax")).status_code == 404


def test_nobody_reads_it_without_signing_in(cast: Cast) -> None:
    for address in addresses(cast):
        assert Client().get(address)["Location"].startswith("/sign-in/login/?next=/accounts/")


def test_no_password_is_on_these_pages_ever(cast: Cast, now: datetime) -> None:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", now=now)
    show_credentials(actor=cast.as_alice, token=token, now=now)
    for client in (signed_in(cast.alice), signed_in(cast.bob)):
        for address in addresses(cast):
            assert not PASSWORD_SHAPE.search(client.get(address).content.decode()), address


@pytest.mark.parametrize("slug", SLUGS)
def test_page_shows_the_recipe_as_it_is_to_be_pasted(cast: Cast, settings: Settings, slug: str) -> None:
    api = say_where(settings, "https://api.example.com/", "/api/v2/entities?a='1'&b=<2>")
    content = signed_in(cast.alice).get(connect(cast, slug)).content.decode()
    recipe = recipe_of(cast, api, slug)
    assert texts_of(content) == [snippet.text for snippet in recipe.snippets]
    assert re.search(rf'href="{connect(cast, slug)}#recipe"\s+aria-current="page"', content)
    assert content.count('aria-current="page"') == 3  # in the menu, the breadcrumb and among the programs
    assert PLACEHOLDER_URL not in content


def test_first_recipe_is_curl_and_the_menu_marks_the_page(cast: Cast) -> None:
    client = signed_in(cast.bob)
    content = client.get(connect(cast)).content.decode()
    assert texts_of(content)[0].startswith("curl --user ")
    assert f'<a href="{connect(cast)}" aria-current="page">' in content
    home = client.get(f"/accounts/{cast.acme.pk}/").content.decode()
    assert f'<a href="{connect(cast)}">' in home


def test_missing_api_address_is_marked_with_who_can_set_it(cast: Cast, settings: Settings) -> None:
    for_alice, for_bob = (signed_in(user).get(connect(cast)).content.decode() for user in (cast.alice, cast.bob))
    assert all(f"so the examples show {PLACEHOLDER_URL}" in content for content in (for_alice, for_bob))
    assert "SIMSIM_API_URL" in for_alice
    assert "SIMSIM_API_URL" not in for_bob
    say_where(settings, "https://api.example.com")
    assert "SIMSIM_API_URL" not in signed_in(cast.alice).get(connect(cast)).content.decode()


@pytest.mark.parametrize(
    ("url", "is_warned"),
    [("http://api.example.com", True), ("https://api.example.com", False), ("http://[::1]:8080", False)],
)
def test_unencrypted_address_is_warned_of(cast: Cast, settings: Settings, url: str, is_warned: bool) -> None:
    say_where(settings, url)
    content = signed_in(cast.alice).get(connect(cast)).content.decode()
    assert ("anyone on the network path can read the password" in content) == is_warned


def test_log_is_linked_for_those_who_may_read_it(cast: Cast) -> None:
    log = f'href="/accounts/{cast.acme.pk}/logs/"'
    for_alice, for_bob = (signed_in(user).get(connect(cast)).content.decode() for user in (cast.alice, cast.bob))
    assert log in for_alice
    assert log not in for_bob.partition('id="trouble"')[2]
    for status in (401, 403, 429, 503):
        assert f"<b>{status}</b>" in for_bob


def test_collection_comes_as_a_file(cast: Cast, settings: Settings) -> None:
    api = say_where(settings, *HOSTILE_API)
    answer = signed_in(cast.bob).get(connect(cast) + "postman.json")
    assert answer["Content-Disposition"] == 'attachment; filename="simsim.postman_collection.json"'
    assert answer["Content-Type"] == "application/json"
    assert answer.content.decode() == recipe_of(cast, api, "postman").snippets[0].text
    assert json.loads(answer.content)["variable"][1]["value"] == str(cast.acme.pk)


def test_hostile_names_and_addresses_are_shown_and_run_nowhere(cast: Cast, settings: Settings) -> None:
    api = say_where(settings, *HOSTILE_API)
    cast.acme.name = HOSTILE
    cast.acme.save()
    for slug in SLUGS:
        content = signed_in(cast.alice).get(connect(cast, slug)).content.decode()
        assert "<script>alert" not in content
        assert "<b>&quot;" not in content
        assert HOSTILE in html.unescape(content)
        assert texts_of(content) == [snippet.text for snippet in recipe_of(cast, api, slug).snippets]
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", content)


def test_chooser_for_other_pages_shows_every_recipe_ready_to_paste(cast: Cast, settings: Settings) -> None:
    secret = "sim_" + "x" * 49
    found = recipes(username=str(cast.acme.pk), api=Api("https://api.example.com", "/it's"), password=secret)
    content = render_to_string("console/connect/parts/recipes.html", {"account": cast.acme, "recipes": found})
    expected = [snippet.text for recipe in found if recipe.slug != "postman" for snippet in recipe.snippets]
    assert texts_of(content) == expected
    assert content.count("<summary>") == len(found) == len(SLUGS)
    assert content.count(' name="recipe" open>') == 1
    # Hidden from onlookers like the password beside it.
    assert content.count(secret) == folded(content).count(f'<span class="recipe-secret">{secret}</span>') == 3
    assert len(set(re.findall(r' id="([^"]+)"', content))) == content.count(' id="')


def test_every_picture_is_our_own_and_has_a_description(cast: Cast) -> None:
    used = set()
    for slug in SLUGS:
        content = signed_in(cast.alice).get(connect(cast, slug)).content.decode()
        for tag in re.findall(r"<img [^>]*>", content):
            source = re.search(r'src="/static/([^"]+)"', tag)
            assert source, tag
            used.add(source[1])
            size = re.search(r'width="(\d+)" height="(\d+)"', tag)
            assert re.search(r'alt="[^"]{20,}"', tag), tag
            file = Path(str(finders.find(source[1])))
            root = ET.fromstring(file.read_text(encoding="utf-8"))
            assert size, tag
            assert root.get("viewBox") == f"0 0 {size[1]} {size[2]}"
            assert not {element.tag.rpartition("}")[2] for element in root.iter()} & {"script", "image", "use", "a"}
            assert "href" not in file.read_text(encoding="utf-8")
    drawn = {f"console/pictures/{path.name}" for path in Path(str(finders.find("console/pictures"))).glob("*.svg")}
    assert used == drawn
