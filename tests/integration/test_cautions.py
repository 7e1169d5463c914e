"""Lookalike names and networks that allow everybody cause a warning at every door, and are refused at none."""

import html
import json
import re
from datetime import datetime

import pytest
from django.core.cache import cache
from django.test import Client

from cast import PASSWORD, Cast
from simsim.operations.command_line import run
from simsim.tokens.actions import create_token
from simsim.tokens.models import Token
from verbs import TOKEN_FIELDS, WIRING

pytestmark = pytest.mark.django_db(databases="__all__")
LOOKS = "This name looks like “Invoice”"
EVERYBODY = "These networks allow everybody"
CYRILLIC = "Іnvoice"
ALL = ["0.0.0.0/1", "128.0.0.0/1"]


@pytest.fixture
def alice(cast: Cast, now: datetime) -> Client:
    cache.clear()
    create_token(actor=cast.as_alice, account=cast.acme, name="Invoice", expires="90d", now=now)
    client = Client()
    client.post("/sign-in/login/", {"login": cast.alice.email, "password": PASSWORD})
    return client


def text_of(content: bytes) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", content.decode())).split())


@pytest.mark.covers("R5", "R10", "B3")
def test_console_warns_while_somebody_types_and_after_saving(cast: Cast, alice: Client) -> None:
    new = f"/accounts/{cast.acme.pk}/tokens/new/"
    form = {"name": CYRILLIC, "expires": "90d", "network": ALL}
    checked = alice.post(new, form | {"press": "check"}, headers={"HX-Request": "true"}).content.decode()
    hints = dict(re.findall(r'id="([a-z_]+_hint)"[^>]*hx-swap-oob="true">(.*?)</div>', checked, re.DOTALL))
    assert LOOKS in html.unescape(hints["id_name_hint"])
    assert EVERYBODY + " who calls over IPv4." in hints["networks_hint"]
    plain = alice.post(new, {"press": "check", "name": "Other", "network": ["10.0.0.0/8"]})
    assert LOOKS not in text_of(plain.content)
    assert EVERYBODY not in text_of(plain.content)
    # Without a script, any button for networks shows the warning.
    assert EVERYBODY in text_of(alice.post(new, form | {"press": "add-row"}).content)

    created = alice.post(new, form)
    assert created.status_code == 201
    assert LOOKS in text_of(created.content)
    assert EVERYBODY in text_of(created.content)
    token = Token.objects.get(name=CYRILLIC)
    page = f"/accounts/{cast.acme.pk}/tokens/{token.pk}/"
    assert EVERYBODY in text_of(alice.get(page).content)
    stood = {"name": "Calm", "network": ["10.0.0.0/8"], "press": ""}
    assert LOOKS not in text_of(alice.post(page, stood, follow=True).content)
    after = text_of(alice.post(page, stood | {"name": "lnvoice"}, follow=True).content)
    assert (LOOKS in after, EVERYBODY in after) == (True, False)
    assert LOOKS not in text_of(alice.get(page).content)


@pytest.mark.covers("R5", "R10", "B7")
def test_command_line_warns_on_stderr_and_prints_the_contracts_json(
    cast: Cast, alice: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    def simsim(*arguments: str) -> tuple[dict[str, object], list[str]]:
        assert run([*arguments, "--json"], wiring=WIRING) == 0
        out, err = capsys.readouterr()
        return json.loads(out), err.splitlines()

    account, me = str(cast.acme.pk), cast.alice.email
    networks = [part for network in ("::/0", "0.0.0.0/0") for part in ("--allow", network)]
    made, told = simsim(
        "token", "create", "--account", account, "--as", me, "--name", CYRILLIC, "--expires", "1d", *networks
    )
    assert made.keys() == TOKEN_FIELDS | {"username", "password"}
    assert told == [
        f"simsim: warning: {LOOKS}, another active token. Choose a name that can’t be confused with it.",
        f"simsim: warning: {EVERYBODY}.",
    ]
    edited, told = simsim("token", "edit", str(made["id"]), "--as", me, "--name", "Calm", "--allow", "::/0")
    assert edited.keys() == TOKEN_FIELDS
    assert told == [f"simsim: warning: {EVERYBODY} who calls over IPv6."]
    assert simsim("token", "edit", str(made["id"]), "--as", me, "--allow-any")[1] == []
    assert simsim("account", "create", "Аcme")[1] == [
        "simsim: warning: This looks like “Acme”. Choose a name that nobody mistakes for it."
    ]
    assert simsim("account", "create", "Initech")[1] == []
    assert simsim("software", "add", "exce1", "Microsoft Exce1")[1] == [
        "simsim: warning: This looks like “Microsoft Excel”. Choose a name that nobody mistakes for it."
    ]


RANGE = "The range 10.0.0.1-10.0.0.9 becomes 4 networks: 10.0.0.1/32, 10.0.0.2/31, 10.0.0.4/30, 10.0.0.8/31."


@pytest.mark.covers("R10", "B3")
def test_range_is_one_entry_and_the_console_says_which_networks_it_becomes(cast: Cast, alice: Client) -> None:
    new = f"/accounts/{cast.acme.pk}/tokens/new/"
    form = {"name": "Office", "expires": "90d", "network": ["10.0.0.1 - 10.0.0.9, 192.0.2.1 10.0.0.2\u201310.0.0.3"]}
    checked = text_of(alice.post(new, form | {"press": "check"}, headers={"HX-Request": "true"}).content)
    assert RANGE in checked
    assert "neither an address nor a network" not in checked
    rows = re.findall(r'name="network" value="([^"]*)"', alice.post(new, form | {"press": "add-row"}).content.decode())
    assert rows == ["10.0.0.1-10.0.0.9", "192.0.2.1", "10.0.0.2-10.0.0.3", ""]
    assert RANGE in text_of(alice.post(new, form).content)
    token = Token.objects.get(name="Office")
    stored = ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/31", "192.0.2.1/32"]
    assert token.allowed_networks == stored
    page = f"/accounts/{cast.acme.pk}/tokens/{token.pk}/"
    wrong = alice.post(page, {"name": "Office", "network": ["10.0.0.9 - 10.0.0.1"]})
    assert "“10.0.0.9-10.0.0.1” ends before it starts. Enter the lower address first." in text_of(wrong.content)
    saved = alice.post(page, {"name": "Office", "network": ["10.0.0.0 - 10.255.255.255"]}, follow=True)
    assert "The range 10.0.0.0-10.255.255.255 becomes the network 10.0.0.0/8." in text_of(saved.content)
    token.refresh_from_db()
    assert token.allowed_networks == ["10.0.0.0/8"]
