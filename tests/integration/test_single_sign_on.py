"""Sign-in at a real OpenID Connect provider: who gets in, with which role, and what is refused."""

import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.cache import cache
from django.test import Client

import identity_provider
from api_client import Program, program_of_alice, program_of_olga
from cast import Cast
from console_client import list_of, sign_in, text_of
from identity_provider import IdentityProvider
from postgresql_server import free_port
from provider_hand import BEGIN, at_provider, sign_in_as, use
from simsim.accounts.actions import add_user
from simsim.accounts.models import Membership, Role, User
from simsim.accounts.permissions import OPERATOR
from simsim.accounts.provider_rules import Place, ProviderRules
from simsim.accounts.single_sign_on import require_single_sign_on, waive_single_sign_on
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.management_tokens.models import Scope
from simsim.openid_connect import discovery
from simsim.problem import Invalid, NotPermitted, SignInAtProviderFirst
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.any_database, pytest.mark.covers("R1")]
DOMAIN = "acme.example"


@pytest.fixture(scope="module")
def process() -> Iterator[IdentityProvider]:
    with identity_provider.running(free_port()) as started:
        yield started


@pytest.fixture
def provider(process: IdentityProvider, cast: Cast) -> Iterator[IdentityProvider]:
    """The provider with Alice and Dora; people of the domain join Acme as members."""
    cache.clear()
    process.tamper()
    process.put_person("s-alice", email="alice@acme.example", email_verified=True)
    process.put_person("s-dora", email="dora@acme.example", email_verified=True)
    before = settings.PROVIDER, settings.PROVIDER_RULES
    use(process, ProviderRules({DOMAIN: Place(cast.acme.pk, "member")}))
    yield process
    settings.PROVIDER, settings.PROVIDER_RULES = before


def use_groups(provider: IdentityProvider, cast: Cast, **groups: str) -> None:
    rules = {group: (Place(cast.acme.pk, role),) for group, role in groups.items()}
    use(provider, ProviderRules({DOMAIN: None}, groups=rules), groups_claim="groups")


def role_of(email: str) -> str | None:
    return Membership.objects.filter(user__email=email).values_list("role", flat=True).first()


def failures() -> list[tuple[str, str]]:
    found = AuditEvent.objects.filter(event="session.sign_in_failed").order_by("pk")
    return [(event.actor_label, event.details.get("reason", "")) for event in found]


def is_in(client: Client) -> bool:
    return client.get("/security/").status_code == 200


def test_new_person_of_the_domain_gets_its_role(provider: IdentityProvider, cast: Cast) -> None:
    dora = Client()
    assert "Sign in with Acme ID" in text_of(dora.get("/sign-in/login/"))
    led = sign_in_as("s-dora", dora, next_page="/security/")
    assert (led.status_code, led["Location"]) == (302, "/security/")
    assert is_in(dora)
    user = User.objects.get(email="dora@acme.example")
    assert (role_of(user.email), user.has_usable_password()) == ("member", False)
    [signed] = AuditEvent.objects.filter(event="session.signed_in")
    assert (signed.details["methods"], signed.account_id) == (["openid_connect"], cast.acme.pk)
    [added] = AuditEvent.objects.filter(event="user.added", actor_label="OpenID Connect")
    assert added.details == {"email": user.email, "role": "member"}


def test_request_to_the_provider_has_pkce_a_nonce_and_the_configured_address(provider: IdentityProvider) -> None:
    sign_in_as("s-dora", Client(headers={"Host": "127.0.0.1"}))
    asked = provider.asked()[-1]
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["nonce"]) >= 40
    assert len(asked["state"]) >= 16
    assert asked["redirect_uri"] == f"{settings.OPERATOR.base_url}{BEGIN}callback/"
    assert asked["response_type"] == "code"


def test_existing_person_is_matched_by_the_verified_address_and_told(provider: IdentityProvider, cast: Cast) -> None:
    sign_in(cast.alice)
    alice = Client()
    sign_in_as("s-alice", alice)
    assert alice.get(list_of(cast)).status_code == 200
    assert SocialAccount.objects.get(uid="s-alice").user == cast.alice
    assert User.objects.filter(email="alice@acme.example").count() == 1
    [mail] = OwedMail.objects.filter(kind="sign_in_changed", recipient=cast.alice.email)
    assert (mail.facts["change"], mail.facts["provider_name"]) == ("provider_linked", "Acme ID")


def test_person_stays_the_same_after_the_address_changed(provider: IdentityProvider, cast: Cast) -> None:
    sign_in_as("s-alice", Client())
    # Neither the domain nor the verification of the new address matters any longer.
    provider.put_person("s-alice", email="alice@elsewhere.example", email_verified=False)
    again = Client()
    sign_in_as("s-alice", again)
    assert again.get(list_of(cast)).status_code == 200
    assert User.objects.filter(email__startswith="alice").count() == 1


def test_new_owner_of_an_address_does_not_inherit_its_access(provider: IdentityProvider, cast: Cast) -> None:
    sign_in_as("s-alice", Client())
    provider.put_person("s-impostor", email="alice@acme.example", email_verified=True)
    browser = Client()
    refused = sign_in_as("s-impostor", browser)
    assert refused.status_code == 403
    assert "Somebody else at Acme ID already signs in as alice@acme.example" in text_of(refused)
    assert not is_in(browser)
    assert failures() == [("alice@acme.example", "address_taken")]


def test_operator_lets_a_person_link_anew(provider: IdentityProvider, cast: Cast, simsim: Simsim) -> None:
    first = Client()
    sign_in_as("s-alice", first)
    provider.put_person("s-alice-2", email="alice@acme.example", email_verified=True)
    assert sign_in_as("s-alice-2", Client()).status_code == 403
    assert [simsim("user", "forget-provider", cast.alice.email)["removed"] for _ in range(2)] == [1, 0]
    assert not is_in(first)
    assert sign_in_as("s-alice-2", Client()).status_code == 302
    assert AuditEvent.objects.get(event="user.sign_in_method_removed").details["change"] == "provider_unlinked"


@pytest.mark.parametrize(
    ("claims", "reason", "said"),
    [
        ({"email": "alice@acme.example", "email_verified": False}, "unverified_email", "did not confirm that this"),
        ({"email": "alice@acme.example"}, "unverified_email", "did not confirm that this"),
        ({"email": "alice@acme.example", "email_verified": "false"}, "unverified_email", "did not confirm"),
        ({}, "unverified_email", "did not confirm that this"),
        ({"email": "eve@evil.example", "email_verified": True}, "other_domain", "Addresses of evil.example can’t"),
        ({"email": "a@sub.acme.example", "email_verified": True}, "other_domain", "Addresses of sub.acme.example"),
        ({"email": "alice@acme.example@evil.example", "email_verified": True}, "unverified_email", "did not confirm"),
        ({"email": "charlie@globex.example", "email_verified": True}, "other_domain", "Addresses of globex.example"),
    ],
)
def test_address_counts_only_if_verified_and_of_the_domain(
    provider: IdentityProvider, cast: Cast, claims: dict[str, Any], reason: str, said: str
) -> None:
    provider.put_person("s-eve", **claims)
    browser = Client()
    refused = sign_in_as("s-eve", browser)
    assert (refused.status_code, said in text_of(refused)) == (403, True), text_of(refused)
    assert not is_in(browser)
    assert failures() == [("unknown", reason)]
    assert not SocialAccount.objects.exists()
    assert User.objects.count() == 3


def test_silent_provider_is_trusted_for_its_domains_only_if_the_operator_says_so(
    provider: IdentityProvider, cast: Cast
) -> None:
    use(provider, ProviderRules({DOMAIN: None}, trusts_email=True))
    provider.put_person("s-silent", email="alice@acme.example")
    browser = Client()
    sign_in_as("s-silent", browser)
    assert browser.get(list_of(cast)).status_code == 200
    # One that says that the address is not verified is still believed.
    provider.put_person("s-bob", email="bob@acme.example", email_verified=False)
    assert sign_in_as("s-bob", Client()).status_code == 403


def test_person_without_an_account_is_not_created(provider: IdentityProvider, cast: Cast) -> None:
    use(provider, ProviderRules({DOMAIN: None}))
    refused = sign_in_as("s-dora", Client())
    assert "dora@acme.example belongs to no account here" in text_of(refused)
    assert not User.objects.filter(email="dora@acme.example").exists()
    cast.bob.is_active = False
    cast.bob.save()
    provider.put_person("s-bob", email="bob@acme.example", email_verified=True)
    assert "Your access is turned off" in text_of(sign_in_as("s-bob", Client()))


def test_removed_person_is_not_added_again(provider: IdentityProvider, cast: Cast) -> None:
    sign_in_as("s-dora", Client())
    Membership.objects.filter(user__email="dora@acme.example").delete()
    assert "belongs to no account here" in text_of(sign_in_as("s-dora", Client()))
    assert role_of("dora@acme.example") is None


def test_groups_give_roles_and_take_them_away(provider: IdentityProvider, cast: Cast) -> None:
    use_groups(provider, cast, admins="administrator", staff="member")
    dora = {"email": "dora@acme.example", "email_verified": True}
    seen = []
    for groups in (["staff"], ["admins", "staff"], ["staff", "others"], []):
        provider.put_person("s-dora", **dora, groups=groups)
        answer = sign_in_as("s-dora", Client())
        seen.append((answer.status_code, role_of("dora@acme.example")))
    assert seen == [(302, "member"), (302, "administrator"), (302, "member"), (403, None)]
    acts = AuditEvent.objects.filter(actor_label="OpenID Connect", account_id=cast.acme.pk).order_by("pk")
    names = [event.event for event in acts if event.event != "user.sign_in_method_added"]
    assert names == ["user.added", "user.role_changed", "user.role_changed", "user.removed"]


def test_role_change_by_a_group_ends_the_sessions_of_before(provider: IdentityProvider, cast: Cast) -> None:
    use_groups(provider, cast, admins="administrator", staff="member")
    dora = {"email": "dora@acme.example", "email_verified": True}
    provider.put_person("s-dora", **dora, groups=["admins"])
    first = Client()
    sign_in_as("s-dora", first)
    assert first.get(list_of(cast)).status_code == 200
    provider.put_person("s-dora", **dora, groups=["staff"])
    sign_in_as("s-dora", Client())
    assert not is_in(first)


def test_last_administrator_stays_one_without_a_group(provider: IdentityProvider, cast: Cast) -> None:
    use_groups(provider, cast, admins="administrator")
    provider.put_person("s-alice", email="alice@acme.example", email_verified=True, groups=[])
    alice = Client()
    sign_in_as("s-alice", alice)
    assert alice.get(list_of(cast)).status_code == 200
    assert AuditEvent.objects.filter(event="user.last_administrator_kept").count() == 1
    add_user(
        actor=OPERATOR, account=cast.acme, email="x@acme.example", role=Role.ADMINISTRATOR, now=cast.alice.created_at
    )
    assert sign_in_as("s-alice", Client()).status_code == 403
    assert role_of("alice@acme.example") is None


def test_groups_that_the_provider_left_out_change_nothing(provider: IdentityProvider, cast: Cast) -> None:
    use_groups(provider, cast, admins="administrator")
    provider.put_person("s-alice", email="alice@acme.example", email_verified=True, _claim_names={"groups": "src1"})
    refused = sign_in_as("s-alice", Client())
    assert "because there are too many" in text_of(refused)
    assert role_of("alice@acme.example") == "administrator"


ATTACKS: list[tuple[dict[str, Any], str]] = [
    ({"claims": {"nonce": "of-another-sign-in"}}, "nonce"),
    ({"claims": {"nonce": None}}, "nonce"),
    ({"claims": {"aud": "another-client"}}, "audience"),
    ({"claims": {"aud": ["simsim-console", "another-client"]}}, "audience"),
    ({"claims": {"azp": "another-client"}}, "audience"),
    ({"claims": {"iss": "https://evil.example"}}, "issuer"),
    ({"claims": {"exp": 1_700_000_000}}, "expired"),
    ({"claims": {"exp": None}}, "claims"),
    ({"claims": {"iat": 4_000_000_000}}, "claims"),
    ({"claims": {"sub": ""}}, "subject"),
    ({"claims": {"auth_time": 4_000_000_000}}, "auth_time"),
    ({"algorithm": "none"}, "algorithm"),
    ({"algorithm": "HS256"}, "algorithm"),
    ({"key": "two"}, "signature"),
    ({"kid": "unknown"}, "signature"),
    ({"claims": {"email": None, "email_verified": None}, "userinfo": {"sub": "somebody-else"}}, "subject"),
]


@pytest.mark.parametrize(("change", "reason"), ATTACKS)
def test_forged_answer_signs_nobody_in(
    provider: IdentityProvider, cast: Cast, change: dict[str, Any], reason: str
) -> None:
    provider.tamper(**change)
    browser = Client()
    refused = sign_in_as("s-alice", browser)
    assert refused.status_code == 403
    assert "The answer from Acme ID could not be trusted" in text_of(refused)
    assert not is_in(browser)
    assert failures() == [("unknown", reason)]


def test_answer_counts_once_and_only_in_the_browser_that_asked(provider: IdentityProvider, cast: Cast) -> None:
    victim, attacker = Client(), Client()
    back = at_provider(attacker.get(BEGIN)["Location"], "s-alice")
    for browser, address in (
        (victim, back),
        (attacker, back.replace("state=", "state=x")),
        (attacker, BEGIN + "callback/"),
    ):
        refused = browser.get(address)
        assert (refused.status_code, is_in(browser)) == (400, False)
        assert "Start again" in text_of(refused)
    assert attacker.get(back).status_code == 302
    attacker.post("/sign-in/logout/")
    assert attacker.get(back).status_code == 400
    # Nor does a code that was used once work under a new state.
    fresh = at_provider(attacker.get(BEGIN)["Location"], "s-alice")
    used = back.partition("code=")[2].partition("&")[0]
    mixed = fresh.replace(fresh.partition("code=")[2].partition("&")[0], used)
    assert attacker.get(mixed).status_code == 403
    assert not is_in(attacker)
    assert failures()[-1][1] == "exchange"


def test_denied_and_unavailable_are_explained(provider: IdentityProvider, cast: Cast) -> None:
    denied = sign_in_as("deny", Client())
    assert (denied.status_code, "was cancelled" in text_of(denied)) == (403, True)
    begun = Client()
    back = at_provider(begun.get(BEGIN)["Location"], "s-alice")
    provider.tamper(status=503)
    down = begun.get(back)
    assert (down.status_code, "Acme ID does not answer at the moment" in text_of(down)) == (503, True)
    discovery._metadata.clear()
    down = Client().get(BEGIN)
    assert (down.status_code, "Acme ID does not answer at the moment" in text_of(down)) == (503, True)
    assert [reason for _, reason in failures()] == ["denied", "unavailable"]


def test_next_page_is_never_foreign(provider: IdentityProvider, cast: Cast) -> None:
    for address in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        assert sign_in_as("s-alice", Client(), next_page=address)["Location"] == "/"


def test_password_is_shown_only_after_a_new_sign_in_at_the_provider(
    provider: IdentityProvider, cast: Cast, token: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"{list_of(cast)}{token.pk}/credentials/"
    alice = Client()
    provider.tamper(claims={"auth_time": int(time.time()) - 3600})
    sign_in_as("s-alice", alice)
    asked = alice.post(page)
    assert asked["Location"].startswith("/sign-in/reauthenticate/")
    assert "Continue with Acme ID" in text_of(alice.get(asked["Location"]))
    # Neither the password nor a code counts in this session.
    assert alice.post("/sign-in/reauthenticate/", {"password": "open sesame, said Alice"}).status_code == 405
    # The provider answers without asking her again, and then asks somebody else.
    stale = sign_in_as("s-alice", alice, next_page=page, confirms=True)
    assert (stale.status_code, "did not ask you to sign in again" in text_of(stale)) == (403, True)
    provider.tamper(claims={"auth_time": None})
    assert sign_in_as("s-alice", alice, next_page=page, confirms=True).status_code == 403
    provider.tamper()
    other = sign_in_as("s-dora", alice, next_page=page, confirms=True)
    assert "You signed in as somebody else" in text_of(other)
    assert alice.post(page)["Location"].startswith("/sign-in/reauthenticate/")
    alice.post(page)
    shown = sign_in_as("s-alice", alice, next_page=page, confirms=True)
    assert (provider.asked()[-1]["prompt"], provider.asked()[-1]["max_age"]) == ("login", "0")
    # The page that she asked for is the answer.
    assert (shown.status_code, "sim_" in shown.content.decode()) == (200, True)
    assert alice.post(page).status_code == 200
    assert [reason for _, reason in failures()] == ["not_asked_again", "not_asked_again", "other_person"]
    assert AuditEvent.objects.filter(event="session.confirmed_at_provider", account_id=cast.acme.pk).count() == 1


def test_person_without_a_password_can_not_add_a_sign_in_method_without_proof(
    provider: IdentityProvider, cast: Cast
) -> None:
    provider.tamper(claims={"auth_time": int(time.time()) - 3600})
    dora = Client()
    sign_in_as("s-dora", dora)
    for page in ("app/add/", "passkeys/add/"):
        led = dora.get(f"/sign-in/second-factor/{page}")
        assert (led.status_code, led.get("Location", "")[:24]) == (302, "/sign-in/reauthenticate/"), page


def test_account_admits_only_people_from_the_provider(provider: IdentityProvider, cast: Cast, now: datetime) -> None:
    require_single_sign_on(
        actor=OPERATOR, account=cast.acme, required="administrators", signed_in_at_provider=False, now=now
    )
    by_password, bob, at_home = sign_in(cast.alice), sign_in(cast.bob), Client()
    sign_in_as("s-alice", at_home)
    api = f"/api/v1/accounts/{cast.acme.pk}/tokens"
    stopped = by_password.get(list_of(cast))
    assert (stopped.status_code, "Use single sign-on" in text_of(stopped)) == (403, True)
    assert by_password.post(f"{list_of(cast)}new/", {"name": "T"}).status_code == 403
    refused = by_password.get(api)
    assert (refused.status_code, refused.json()["title"]) == (403, "Use single sign-on")
    assert (at_home.get(list_of(cast)).status_code, at_home.get(api).status_code) == (200, 200)
    assert bob.get(f"/accounts/{cast.acme.pk}/api/").status_code == 200
    require_single_sign_on(actor=OPERATOR, account=cast.acme, required="everyone", signed_in_at_provider=False, now=now)
    assert bob.get(f"/accounts/{cast.acme.pk}/api/").status_code == 403
    assert sign_in(cast.charlie).get(f"/accounts/{cast.globex.pk}/tokens/").status_code == 200
    # Without the provider, nobody's old proof counts.
    settings.PROVIDER = None
    assert at_home.get(list_of(cast)).status_code == 403


def test_administrator_requires_it_only_after_using_it(provider: IdentityProvider, cast: Cast, now: datetime) -> None:
    page = f"/accounts/{cast.acme.pk}/people/single-sign-on/"
    refused = sign_in(cast.alice).post(page, {"required": "everyone"})
    assert (refused.status_code, "you would lock yourself out" in text_of(refused)) == (409, True)
    alice = Client()
    sign_in_as("s-alice", alice)
    assert alice.post(page, {"required": "everyone"}).status_code == 302
    cast.acme.refresh_from_db()
    assert cast.acme.single_sign_on == "everyone"
    assert alice.post(page, {"required": "nonsense"}).status_code == 422
    [policy] = AuditEvent.objects.filter(event="account.single_sign_on_policy_changed")
    assert policy.details == {"before": "off", "required": "everyone"}
    assert "Required: everyone signs in with Acme ID." in text_of(alice.get(f"/accounts/{cast.acme.pk}/people/"))
    with pytest.raises(NotPermitted):
        require_single_sign_on(
            actor=cast.as_bob, account=cast.acme, required="off", signed_in_at_provider=True, now=now
        )
    with pytest.raises(SignInAtProviderFirst):
        require_single_sign_on(
            actor=cast.as_alice, account=cast.acme, required="administrators", signed_in_at_provider=False, now=now
        )


@pytest.mark.covers("B7")
@pytest.mark.usefixtures("provider")
def test_api_has_the_rules_of_the_console(cast: Cast, now: datetime) -> None:
    path, everyone = f"/accounts/{cast.acme.pk}/single-sign-on", {"required": "everyone"}
    script = program_of_alice(cast, now, Scope.PEOPLE)
    browser, olga = Program(), program_of_olga(now)
    sign_in_as("s-alice", browser.client)
    found = script.get(path)
    assert found.json() == {"required": "off"}
    tag = found.headers["ETag"]
    refused = script.send("PUT", path, everyone, If_Match=tag)
    assert (refused.status_code, refused.json()["type"].rpartition("#")[2]) == (409, "sign-in-at-provider-first")
    assert browser.send("PUT", path, everyone, If_Match=tag).json() == everyone
    assert script.send("PUT", path, {"required": "off"}, If_Match=tag).status_code == 412
    assert script.send("PUT", path, {"required": "off"}).status_code == 428
    assert script.send("PUT", path, {"required": "off"}, If_Match="*").json() == {"required": "off"}
    assert olga.send("PUT", path, everyone, If_Match="*").json() == everyone
    assert script.send("PUT", path, {"required": "nobody"}, If_Match="*").status_code == 422
    events = AuditEvent.objects.filter(event="account.single_sign_on_policy_changed").order_by("pk")
    assert [each.details["required"] for each in events] == ["everyone", "off", "everyone"]


def test_operator_lets_a_person_in_while_the_provider_is_down(
    provider: IdentityProvider, cast: Cast, now: datetime, simsim: Simsim
) -> None:
    account = str(cast.acme.pk)
    assert simsim("account", "require-single-sign-on", account, "everyone")["single_sign_on"] == "everyone"
    alice = sign_in(cast.alice)
    assert alice.get(list_of(cast)).status_code == 403
    assert simsim("user", "waive-single-sign-on", cast.alice.email, "--hours", "1")["waived_until"]
    assert alice.get(list_of(cast)).status_code == 200
    assert simsim("user", "waive-single-sign-on", cast.alice.email, "--hours", "0")["waived_until"] is None
    assert alice.get(list_of(cast)).status_code == 403
    waived = AuditEvent.objects.filter(event="user.single_sign_on_waived", account_id=cast.acme.pk).order_by("pk")
    assert [event.details["change"] for event in waived] == ["single_sign_on_waived", "single_sign_on_waiver_ended"]
    assert OwedMail.objects.filter(kind="sign_in_changed", recipient=cast.alice.email).count() == 2
    # A waiver ends by itself.
    waive_single_sign_on(actor=OPERATOR, user=cast.alice, until=now - timedelta(seconds=1), now=now - timedelta(1))
    assert alice.get(list_of(cast)).status_code == 403
    for until in (now - timedelta(1), now + timedelta(8)):
        with pytest.raises(Invalid):
            waive_single_sign_on(actor=OPERATOR, user=cast.alice, until=until, now=now)
    with pytest.raises(NotPermitted):
        waive_single_sign_on(actor=cast.as_alice, user=cast.alice, until=None, now=now)


def test_doctor_checks_the_provider(provider: IdentityProvider, cast: Cast, now: datetime) -> None:
    from simsim.health.doctor.sign_in_provider import sign_in_provider

    [good] = sign_in_provider()
    assert (good.is_good, "answers, with 1 keys" in good.detail) == (True, True)
    provider.tamper(metadata={"issuer": "https://evil.example"})
    [other] = sign_in_provider()
    assert "it calls itself “https://evil.example”" in other.detail
    provider.tamper(metadata={"jwks_uri": "http://10.0.0.1/keys"})
    [inside] = sign_in_provider()
    assert (inside.is_good, "10.0.0.1" in inside.detail) == (False, True)
    provider.tamper(status=302)
    [redirects] = sign_in_provider()
    assert "redirects are not followed" in redirects.detail
    provider.tamper()
    use(provider, ProviderRules({DOMAIN: Place(uuid.UUID(int=1), "member")}))
    [unknown] = sign_in_provider()
    assert "name no open account" in unknown.detail
    settings.PROVIDER = None
    assert list(sign_in_provider()) == []
    require_single_sign_on(actor=OPERATOR, account=cast.acme, required="everyone", signed_in_at_provider=False, now=now)
    [nobody] = sign_in_provider()
    assert "nobody can open them" in nobody.detail


def test_without_a_provider_its_pages_are_not_there(cast: Cast) -> None:
    assert Client().get(BEGIN).status_code == 404
    assert "Sign in with" not in text_of(Client().get("/sign-in/login/"))
    assert sign_in(cast.alice).get(f"/accounts/{cast.acme.pk}/people/single-sign-on/").status_code == 404
