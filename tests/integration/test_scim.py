"""SCIM: an identity provider adds, changes and removes an account's people, within the operator's rules."""

import itertools
import json
import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from pydantic import Field
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_models import Required, ScimProvider, Uniqueness
from scim2_tester import Status, check_server

from api_client import Program, management_token
from cast import Cast
from console_client import sign_in
from simsim.accounts.actions import add_user
from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.permissions import OPERATOR
from simsim.accounts.provider_identities import Identity, person_of
from simsim.accounts.provider_rules import Place, ProviderRules
from simsim.accounts.sign_in_changes import NOWHERE
from simsim.api.scim.resources import Group
from simsim.api.scim.resources import User as ScimUser
from simsim.api.scim.urls import urlpatterns
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.management_tokens.actions import create_operator_token
from simsim.management_tokens.models import Scope
from simsim.problem import SignInRefused
from simsim.tokens.actions import create_token

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B8")]
ROOT = "/scim/v2"
DOMAIN = "acme.example"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Provider:
    """An identity provider with a bearer token."""

    def __init__(self, password: str) -> None:
        self.headers = {"Authorization": f"Bearer {password}"}
        self.client = Client()

    def send(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = options.pop("content_type", "application/scim+json")
        return self.client.generic(method, ROOT + path, sent, content_type=kind, headers=self.headers, **options)

    def add(self, email: str, **more: Any) -> dict[str, Any]:
        answer = self.send("POST", "/Users", {"schemas": [USER], "userName": email} | more)
        assert answer.status_code == 201, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def add_group(self, name: str, *members: str) -> dict[str, Any]:
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": member} for member in members]}
        answer = self.send("POST", "/Groups", body)
        assert answer.status_code == 201, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def patch(self, path: str, *operations: dict[str, Any]) -> Any:
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})


def json_of(body: Any) -> bytes:
    import json

    return json.dumps(body).encode()


@pytest.fixture
def rules(cast: Cast) -> Iterator[None]:
    """People of the domain join Acme as members; the provider's administrators administrate it."""
    before = settings.PROVIDER_RULES
    groups = {"Acme admins": (Place(cast.acme.pk, "administrator"),)}
    settings.PROVIDER_RULES = ProviderRules({DOMAIN: Place(cast.acme.pk, "member")}, groups=groups)
    yield
    settings.PROVIDER_RULES = before


@pytest.fixture
def password(cast: Cast, now: datetime) -> str:
    return management_token(cast.as_alice, cast.acme, Scope.PEOPLE, now=now)[1].password


@pytest.fixture
def provider(rules: None, password: str) -> Provider:
    del rules
    return Provider(password)


def role_of(email: str, account: Account) -> str | None:
    return Membership.objects.filter(user__email=email, account=account).values_list("role", flat=True).first()


class Addresses(list[str]):
    """Examples for the tester, which would otherwise make up user names: a new address of the domain each time."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return f"{uuid.uuid4()}@{DOMAIN}"


class ProvisionedUser(ScimUser):
    user_name: Annotated[str | None, Uniqueness.server, Required.true] = Field(None, examples=Addresses())


ProvisionedUser.__name__ = "User"


@pytest.fixture
def application() -> Iterator[Any]:
    """The application for WSGI, which leaves the test's own connections open after a request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield get_wsgi_application()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_the_conformance_tester_finds_nothing(provider: Provider, application: Any) -> None:
    client = WSGISCIMClient(
        application, base_url=f"http://localhost:8000{ROOT}", headers=provider.headers,
        provider=ScimProvider(models=[ProvisionedUser, Group]),
    )  # fmt: skip
    results = check_server(client)
    wrong = [f"{each.title}: {each.status.name}: {each.reason}" for each in results
             if each.status not in {Status.SUCCESS, Status.SKIPPED}]  # fmt: skip
    assert not wrong, "\n".join(wrong)
    assert len(results) > 50


def test_a_person_is_added_turned_off_turned_on_and_removed(provider: Provider, cast: Cast) -> None:
    dora = provider.add("Dora@Acme.example", externalId="00u1", displayName="Dora Diaz", nickName="ignored")
    assert (dora["userName"], dora["externalId"], dora["displayName"]) == ("dora@acme.example", "00u1", "Dora Diaz")
    assert dora["active"] is True
    assert "nickName" not in dora
    path = "/Users/" + dora["id"]
    assert dora["meta"]["location"].endswith(ROOT + path)
    assert role_of("dora@acme.example", cast.acme) == "member"
    assert not User.objects.get(email="dora@acme.example").has_usable_password()
    assert provider.patch(path, {"op": "replace", "value": {"active": False}}).json()["active"] is False
    assert role_of("dora@acme.example", cast.acme) is None
    assert provider.send("GET", path).json()["active"] is False
    assert provider.patch(path, {"op": "Replace", "path": "active", "value": "True"}).json()["active"] is True
    assert role_of("dora@acme.example", cast.acme) == "member"
    assert provider.send("DELETE", path).status_code == 204
    assert role_of("dora@acme.example", cast.acme) is None
    assert [provider.send(method, path).status_code for method in ("GET", "DELETE")] == [404, 404]
    acts = AuditEvent.objects.filter(actor_label="SCIM", account_id=cast.acme.pk).order_by("pk")
    assert [event.event for event in acts] == [
        "user.added", "user.provisioned", "user.removed", "user.provisioned", "user.added", "user.provisioned",
        "user.removed", "user.provisioned",
    ]  # fmt: skip
    assert acts[0].details["management_token"]


def test_a_person_who_is_turned_off_is_out_with_their_next_click(provider: Provider, cast: Cast) -> None:
    bob = provider.add("bob@acme.example")
    browser = sign_in(cast.bob)
    assert browser.get("/security/").status_code == 200
    provider.patch("/Users/" + bob["id"], {"op": "replace", "path": "active", "value": False})
    assert browser.get("/security/").status_code == 302


def test_whoever_belonged_before_keeps_their_place_and_can_be_found(provider: Provider, cast: Cast) -> None:
    assert role_of("bob@acme.example", cast.acme) == "member"
    bob = provider.add("bob@acme.example", externalId="b-1")
    again = provider.send("POST", "/Users", {"schemas": [USER], "userName": "BOB@acme.example"})
    assert (again.status_code, again.json()["scimType"]) == (409, "uniqueness")
    for filters in ('userName eq "BOB@ACME.example"', 'externalId eq "b-1" and active eq true', 'userName sw "bob"'):
        found = provider.send("GET", "/Users?filter=" + filters.replace(" ", "%20").replace('"', "%22")).json()
        assert [each["id"] for each in found["Resources"]] == [bob["id"]], filters
    search = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": 'userName eq "no@acme.example"',
    }
    assert provider.send("POST", "/Users/.search", search).json()["totalResults"] == 0


def test_pages_and_attributes_are_what_the_client_asks_for(provider: Provider) -> None:
    for number in range(5):
        provider.add(f"p{number}@acme.example")
    page = provider.send("GET", "/Users?startIndex=2&count=2&attributes=userName").json()
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (5, 2, 2)
    assert [each["userName"] for each in page["Resources"]] == ["p1@acme.example", "p2@acme.example"]
    assert all("active" not in each for each in page["Resources"])
    sorted_page = provider.send("GET", "/Users?sortBy=userName&sortOrder=descending&count=1").json()
    assert sorted_page["Resources"][0]["userName"] == "p4@acme.example"


@pytest.mark.parametrize("email", ["eve@evil.example", "eve@sub.acme.example", "eve", "alıce@acme.example"])
def test_only_people_of_the_accounts_domains_can_be_provisioned(provider: Provider, email: str) -> None:
    answer = provider.send("POST", "/Users", {"schemas": [USER], "userName": email})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "userName" in answer.json()["detail"]
    assert not User.objects.filter(email=email).exists()


def test_another_account_reaches_neither_the_domain_nor_the_people(
    provider: Provider, cast: Cast, now: datetime
) -> None:
    dora = provider.add("dora@acme.example")
    other = Provider(management_token(cast.as_charlie, cast.globex, Scope.PEOPLE, now=now)[1].password)
    assert other.send("GET", "/Users").json()["totalResults"] == 0
    assert other.send("GET", "/Users/" + dora["id"]).status_code == 404
    assert other.send("DELETE", "/Users/" + dora["id"]).status_code == 404
    assert other.send("POST", "/Users", {"schemas": [USER], "userName": "x@acme.example"}).status_code == 400
    member = {"schemas": [GROUP], "displayName": "Acme admins", "members": [{"value": dora["id"]}]}
    assert other.send("POST", "/Groups", member).status_code == 400
    assert role_of("dora@acme.example", cast.acme) == "member"


def test_groups_give_and_take_roles_at_once(provider: Provider, cast: Cast) -> None:
    dora, erik = (provider.add(f"{name}@acme.example") for name in ("dora", "erik"))
    group = provider.add_group("Acme admins", dora["id"])
    assert role_of("dora@acme.example", cast.acme) == "administrator"
    path = "/Groups/" + group["id"]
    # As Okta adds somebody, and as Entra takes somebody away.
    provider.patch(path, {"op": "add", "path": "members", "value": [{"value": erik["id"], "display": "Erik"}]})
    provider.patch(path, {"op": "Remove", "path": "members", "value": [{"value": dora["id"]}]})
    assert (role_of("dora@acme.example", cast.acme), role_of("erik@acme.example", cast.acme)) == (
        "member",
        "administrator",
    )
    assert [each["display"] for each in provider.send("GET", "/Users/" + erik["id"]).json()["groups"]] == [
        "Acme admins"
    ]
    provider.patch(path, {"op": "remove", "path": f'members[value eq "{erik["id"]}"]'})
    assert role_of("erik@acme.example", cast.acme) == "member"
    renamed = provider.add_group("Others", dora["id"])
    provider.patch("/Groups/" + renamed["id"], {"op": "replace", "value": {"displayName": "Acme admins"}})
    assert role_of("dora@acme.example", cast.acme) == "administrator"
    assert provider.send("DELETE", "/Groups/" + renamed["id"]).status_code == 204
    assert role_of("dora@acme.example", cast.acme) == "member"


def test_the_last_administrator_stays(provider: Provider, cast: Cast) -> None:
    alice = provider.add("alice@acme.example")
    # Nobody's group gives her the role, but somebody has to have it.
    assert role_of("alice@acme.example", cast.acme) == "administrator"
    answer = provider.patch("/Users/" + alice["id"], {"op": "replace", "path": "active", "value": False})
    assert answer.status_code == 409, answer.content
    assert provider.send("GET", "/Users/" + alice["id"]).json()["active"] is True


def test_an_address_changes_only_within_the_domain_and_the_old_one_is_told(provider: Provider, cast: Cast) -> None:
    dora = provider.add("dora@acme.example")
    path = "/Users/" + dora["id"]
    for wrong, status in (("dora@evil.example", 400), ("bob@acme.example", 409)):
        assert provider.patch(path, {"op": "replace", "path": "userName", "value": wrong}).status_code == status
    renamed = provider.patch(path, {"op": "replace", "path": "userName", "value": "dora.diaz@acme.example"})
    assert renamed.json()["userName"] == "dora.diaz@acme.example"
    assert role_of("dora.diaz@acme.example", cast.acme) == "member"
    [mail] = OwedMail.objects.filter(recipient="dora@acme.example", kind="sign_in_changed")
    assert mail.facts["new_address"] == "dora.diaz@acme.example"


def test_somebody_with_another_place_here_keeps_their_address(provider: Provider, cast: Cast, now: datetime) -> None:
    dora = provider.add("dora@acme.example")
    add_user(actor=OPERATOR, account=cast.globex, email="dora@acme.example", role=Role.MEMBER, now=now)
    answer = provider.patch("/Users/" + dora["id"], {"op": "replace", "path": "userName", "value": "d@acme.example"})
    assert (answer.status_code, role_of("dora@acme.example", cast.globex)) == (409, "member")


def test_only_a_token_for_people_of_one_account_opens_it(provider: Provider, cast: Cast, now: datetime) -> None:
    del provider
    tokens, credentials = (
        management_token(cast.as_alice, cast.acme, scope, now=now)[1] for scope in (Scope.TOKENS, Scope.PEOPLE)
    )
    assert Provider(tokens.password).send("GET", "/Users").status_code == 403
    refused = Provider("simm_" + "x" * 49).send("GET", "/Users")
    assert (refused.status_code, refused.json()["status"]) == (401, "401")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert Client().get(ROOT + "/Users").status_code == 401
    by_basic = Client().get(ROOT + "/Users", headers={"Authorization": Program.of(credentials).authorization})
    assert by_basic.status_code == 200
    # The management API takes no bearer token, so a password can't be sent to it without its username.
    bearer = {"Authorization": f"Bearer {credentials.password}"}
    assert Client().get(f"/api/v1/accounts/{cast.acme.pk}/people", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    ("body", "keyword"),
    [
        (b"{", "invalidSyntax"),
        (b"[]", "invalidSyntax"),
        (b'{"userName": "a@acme.example", "userName": "b@acme.example"}', "invalidValue"),
        (b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}', "invalidValue"),
        (b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": 7}', "invalidValue"),
        (
            b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "a\\u0000@acme.example"}',
            "invalidValue",
        ),
    ],
)
def test_a_bad_body_is_refused_in_the_protocols_own_words(provider: Provider, body: bytes, keyword: str) -> None:
    answer = provider.send("POST", "/Users", body)
    assert (answer.status_code, answer.json().get("scimType")) == (400, keyword), answer.content


def test_other_methods_addresses_and_types_are_refused(provider: Provider) -> None:
    assert provider.send("PATCH", "/Users", {}).headers["Allow"] == "GET, POST"
    assert provider.send("GET", "/Nothing").json()["status"] == "404"
    assert provider.send("GET", "/Users/not-an-id").status_code == 404
    assert provider.send("POST", "/Users", b"x", content_type="text/plain").status_code == 415
    assert provider.send("GET", "/Users?filter=nonsense").json()["scimType"] == "invalidFilter"


def test_signing_in_neither_brings_somebody_back_nor_takes_the_groups_away(
    provider: Provider, cast: Cast, now: datetime
) -> None:
    dora = provider.add("dora@acme.example")
    provider.add_group("Acme admins", dora["id"])

    def sign_in_there() -> None:
        identity = Identity("https://id.acme.example", "s-dora", "dora@acme.example", True, frozenset(), "Acme ID")
        person_of(identity, rules=settings.PROVIDER_RULES, place=NOWHERE, now=now)

    sign_in_there()
    assert role_of("dora@acme.example", cast.acme) == "administrator"
    provider.patch("/Users/" + dora["id"], {"op": "replace", "path": "active", "value": False})
    with pytest.raises(SignInRefused):
        sign_in_there()
    assert role_of("dora@acme.example", cast.acme) is None


def test_the_provider_may_remove_even_whoever_created_its_token(provider: Provider, cast: Cast, now: datetime) -> None:
    add_user(actor=OPERATOR, account=cast.acme, email="zoe@acme.example", role=Role.ADMINISTRATOR, now=now)
    alice = provider.add("alice@acme.example")
    browser = sign_in(cast.alice)
    assert provider.send("DELETE", "/Users/" + alice["id"]).status_code == 204
    assert browser.get("/security/").status_code == 302
    # A management token ends with the role of whoever created it.
    assert provider.send("GET", "/Users").status_code == 401


def test_every_address_refuses_everybody_but_the_accounts_own_provider(
    provider: Provider, cast: Cast, now: datetime
) -> None:
    dora = provider.add("dora@acme.example")
    ids = {"person_id": dora["id"], "group_id": provider.add_group("Everybody", dora["id"])["id"], "name": "User"}
    _, own = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    foreign = management_token(cast.as_charlie, cast.globex, Scope.PEOPLE, now=now)[1]
    scoped = [management_token(cast.as_alice, cast.acme, scope, now=now)[1] for scope in (Scope.READ, Scope.TOKENS)]
    operator = create_operator_token(actor=OPERATOR, named=None, name="CRM", expires="90d", now=now)[1]
    refused = {401: [own.password], 403: [each.password for each in (*scoped, operator)]}
    browser = sign_in(cast.alice)
    for route in urlpatterns:
        path = "/" + re.sub(r"<str:(\w+)>", lambda found: ids[found[1]], str(route.pattern)).strip("^.*$")
        for method, (status, some) in itertools.product(("GET", "POST", "PUT", "PATCH", "DELETE"), refused.items()):
            assert {Provider(password).send(method, path, {}).status_code for password in some} == {status}, path
            # A person's session counts for nothing here.
            assert browser.generic(method, ROOT + path).status_code == 401
        if "_id" in str(route.pattern):
            strange = {
                Provider(foreign.password).send(method, path, {}).status_code for method in ("GET", "PUT", "DELETE")
            }
            assert strange == {404}
    assert role_of("dora@acme.example", cast.acme) == "member"


def test_a_group_counts_only_in_the_account_that_sent_it(provider: Provider, cast: Cast, now: datetime) -> None:
    groups = {f"{each.name} admins": (Place(each.pk, "administrator"),) for each in (cast.acme, cast.globex)}
    settings.PROVIDER_RULES = ProviderRules({DOMAIN: None}, groups=groups)
    dora = provider.add("dora@acme.example")
    other = Provider(management_token(cast.as_charlie, cast.globex, Scope.PEOPLE, now=now)[1].password)
    theirs = other.add("dora@acme.example")
    other.add_group("Acme admins", theirs["id"])
    identity = Identity("https://id.acme.example", "s-dora", "dora@acme.example", True, frozenset(), "Acme ID")
    provider.patch("/Users/" + dora["id"], {"op": "replace", "path": "displayName", "value": "Dora"})
    assert role_of("dora@acme.example", cast.acme) == "member"
    with pytest.raises(SignInRefused):
        person_of(identity, rules=settings.PROVIDER_RULES, place=NOWHERE, now=now)
    assert role_of("dora@acme.example", cast.acme) is None
