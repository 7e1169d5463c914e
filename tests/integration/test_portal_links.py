"""The operator's own product opens the console: one click, one account, one role, and only for a while (B12)."""

import re
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from api_client import program_of_olga
from cast import Cast
from console_client import console_addresses, list_of, sign_in, text_of
from simsim.accounts.models import Membership, PortalLink, User
from simsim.accounts.operators import add_operator
from simsim.accounts.permissions import OPERATOR, Actor, PortalGrant
from simsim.accounts.portal_links import NewLink, create_portal_link, delete_ended, open_portal_link
from simsim.accounts.portal_look import PortalLook
from simsim.accounts.second_factors import require_second_factor
from simsim.accounts.single_sign_on import require_single_sign_on
from simsim.audit.models import AuditEvent
from simsim.console.portal import limits
from simsim.management_tokens.actions import create_management_token
from simsim.problem import Invalid, NotFound, NotPermitted, PortalLinkEnded
from simsim.tokens.actions import create_token
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B12")]
OTHERS = {"uuid": uuid.UUID(int=1), "slug": "x", "path": "index.html"}
RETURN = "https://app.example.com/settings?tab=api"


@pytest.fixture(autouse=True)
def product() -> Iterator[None]:
    before = settings.PORTAL
    settings.PORTAL = PortalLook("Acme Portal", "#7a1fa2", None, frozenset({"https://app.example.com"}), 30)
    yield
    settings.PORTAL = before


def link_for(cast: Cast, role: str = "administrator", email: str = "pia@acme.example", **more: Any) -> NewLink:
    now = more.pop("now", datetime.now(cast.alice.created_at.tzinfo))
    return create_portal_link(
        actor=OPERATOR, account=cast.acme, email=email, role=role, return_url=RETURN, now=now, **more
    )


def arrive(cast: Cast, role: str = "administrator", email: str = "pia@acme.example") -> Client:
    browser = Client()
    led = browser.post("/portal/", {"link": link_for(cast, role, email).secret})
    assert (led.status_code, led["Location"]) == (302, f"/accounts/{cast.acme.pk}/"), text_of(led)
    return browser


def test_back_end_gets_a_link_that_signs_a_new_person_in_without_a_password(cast: Cast, now: datetime) -> None:
    olga = program_of_olga(now)
    wanted = {
        "account_id": str(cast.acme.pk), "email": "pia@acme.example", "role": "administrator", "return_url": RETURN,
        "expires_in_seconds": 30,
    }  # fmt: skip
    made = olga.send("POST", "/portal-links", wanted)
    assert made.status_code == 201, made.content
    base, secret = made.json()["url"].split("#")
    assert base == f"{settings.OPERATOR.base_url}/portal/"
    browser = Client()
    page = browser.get("/portal/")
    assert "Open the console" in text_of(page)
    assert "Acme Portal" in text_of(page)
    assert browser.post("/portal/", {"link": made.json()["url"]})["Location"] == f"/accounts/{cast.acme.pk}/"
    tokens = browser.get(list_of(cast))
    assert (tokens.status_code, "Back to Acme Portal" in text_of(tokens)) == (200, True)
    assert f'href="{RETURN}"' in tokens.content.decode()
    user = User.objects.get(email="pia@acme.example")
    assert (user.has_usable_password(), Membership.objects.filter(user=user).exists()) == (False, False)
    assert secret not in str(PortalLink.objects.values())
    events = AuditEvent.objects.filter(account_id=cast.acme.pk, event__startswith="portal.").order_by("pk")
    assert [(event.event, event.actor_label) for event in events][1] == ("portal.opened", "pia@acme.example")
    assert events[0].details["return_url"] == "https://app.example.com"
    refused = olga.send("POST", "/portal-links", wanted | {"account_id": "nonsense", "email": "x"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "account_id")


def test_previews_do_not_use_a_link_up_and_a_click_does(cast: Cast) -> None:
    made = link_for(cast)
    for method in ("get", "head"):
        assert getattr(Client(), method)("/portal/").status_code == 200
    assert "noindex" in Client().get("/portal/")["X-Robots-Tag"]
    first, second = Client(), Client()
    assert first.post("/portal/", {"link": made.secret}).status_code == 302
    again = second.post("/portal/", {"link": made.secret})
    assert (again.status_code, "Each link works once" in text_of(again)) == (410, True)
    assert second.get(list_of(cast)).status_code == 302
    assert second.post("/portal/", {"link": "nonsense"}).status_code == 404


def test_link_ends_by_itself_and_with_its_person(cast: Cast, now: datetime) -> None:
    made = link_for(cast, expires_in_seconds=10, now=now)
    with pytest.raises(PortalLinkEnded):
        open_portal_link(made.secret, now=now + timedelta(seconds=10))
    made = link_for(cast, email=cast.bob.email, now=now)
    User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    with pytest.raises(PortalLinkEnded):
        open_portal_link(made.secret, now=now)
    with pytest.raises(NotFound):
        open_portal_link("", now=now)
    assert delete_ended(now + timedelta(days=1)) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role", "operator"),
        ("return_url", "https://evil.example/"),
        ("return_url", "https://app.example.com.evil.example/"),
        ("return_url", "https://app.example.com@evil.example/"),
        ("return_url", "https://app.example.com:8443/"),
        ("return_url", "http://app.example.com/"),
        ("return_url", "javascript:alert(1)"),
        ("return_url", "https://app.example.com/\\evil"),
        ("expires_in_seconds", 9),
        ("expires_in_seconds", 601),
    ],
)
def test_link_leads_back_only_where_the_operator_allows_it(cast: Cast, now: datetime, field: str, value: Any) -> None:
    wanted: dict[str, Any] = {"role": "member", "return_url": RETURN, "expires_in_seconds": 60, field: value}
    with pytest.raises(Invalid) as caught:
        create_portal_link(actor=OPERATOR, account=cast.acme, email="p@acme.example", now=now, **wanted)
    assert [error.field for error in caught.value.errors] == [field]
    assert not User.objects.filter(email="p@acme.example").exists()


def test_only_the_operator_makes_links(cast: Cast, now: datetime) -> None:
    with pytest.raises(NotPermitted):
        create_portal_link(
            actor=cast.as_alice, account=cast.acme, email="p@acme.example", role="member", return_url=RETURN, now=now
        )
    settings.PORTAL = PortalLook()
    assert Client().get("/portal/").status_code == 404


def test_every_page_is_named_for_a_role_or_refused(cast: Cast, now: datetime) -> None:
    """A new page of the console is not for readers and members until somebody says so."""
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    named = {
        name for route, name in console_addresses() if "<uuid:account_id>" in route and not route.startswith("api")
    }
    assert named >= limits.FOR_READERS | limits.FOR_MEMBERS | limits.NOT_FOR_ADMINISTRATORS
    values = {"account_id": cast.acme.pk, "token_id": token.pk, "slug": "curl"}
    browsers = {role: arrive(cast, role, f"{role}@x.example") for role in ("administrator", "member", "reader")}
    operator = arrive(cast, "administrator", "op@x.example")
    add_operator(actor=OPERATOR, email="op@x.example", now=now)
    for route, name in console_addresses():
        if route.startswith(("api/", "^", "sign-in/", "static")) or not name:
            continue
        path = "/" + re.sub(r"<(\w+):(\w+)>", lambda part: str(values.get(part[2], OTHERS.get(part[1], 1))), route)
        for role, browser in browsers.items():
            got, posted = browser.get(path).status_code, 0
            if name in limits.EVERYWHERE:
                continue
            if role == "reader":
                posted = browser.post(path).status_code
                assert (posted == 403) is (name not in limits.READS_BY_POST), (role, name, posted)
                assert (got == 403) is (name not in limits.FOR_READERS), (role, name, got)
            elif role == "member":
                assert (got == 403) is (name not in limits.FOR_MEMBERS), (role, name, got)
            elif name in limits.NOT_FOR_ADMINISTRATORS or "<uuid:account_id>" not in route:
                assert got == 403, (role, name, got)
        if route.startswith("operator"):
            assert operator.get(path).status_code == 403
    token.refresh_from_db()
    assert token.revoked_at is None


def test_session_opens_no_other_account_no_sign_in_methods_and_no_api(cast: Cast, now: datetime) -> None:
    # Charlie administers Globex, but not in a session that was opened for Acme.
    browser = arrive(cast, "administrator", cast.charlie.email)
    assert browser.get(f"/accounts/{cast.globex.pk}/tokens/").status_code == 403
    assert browser.get(list_of(cast)).status_code == 200
    for page in ("/security/", "/sign-in/password/change/", "/sign-in/second-factor/app/add/", "/operator/",
                 "/sign-in/second-factor/passkeys/add/", f"/api/v1/accounts/{cast.globex.pk}/tokens"):  # fmt: skip
        assert browser.get(page).status_code == 403, page
        assert browser.post(page).status_code == 403, page
    assert sign_in(cast.charlie).get(f"/accounts/{cast.globex.pk}/tokens/").status_code == 200


def test_rules_hold_below_the_pages_too(cast: Cast, now: datetime) -> None:
    def acting(role: str) -> Actor:
        return Actor("pia", cast.charlie, portal=PortalGrant(cast.acme.pk, role))

    assert create_token(actor=acting("administrator"), account=cast.acme, name="A", expires="9d", now=now)
    for role in ("reader", "member"):
        with pytest.raises(NotPermitted):
            create_token(actor=acting(role), account=cast.acme, name="B", expires="9d", now=now)
    with pytest.raises(NotFound):
        create_token(actor=acting("administrator"), account=cast.globex, name="B", expires="9d", now=now)
    with pytest.raises(NotPermitted):
        create_management_token(
            actor=acting("administrator"), account=cast.acme, name="M", expires="9d", scopes=["read"], now=now
        )


def test_reader_sees_tokens_logs_and_usage_without_any_button_that_changes(cast: Cast, now: datetime) -> None:
    token, credentials = create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", now=now)
    reader = arrive(cast, "reader")
    for page in ("tokens/", f"tokens/{token.pk}/", "tokens/ended/", "logs/", "usage/", "audit/", "connect/", "api/"):
        answer = reader.get(f"/accounts/{cast.acme.pk}/{page}")
        assert answer.status_code == 200, page
        body = answer.content.decode()
        assert "View only: you can’t change anything." in body
        assert credentials.password not in body
        # The only form that is sent is the one that signs out.
        posts = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', body)
        assert set(posts) <= {"/sign-in/logout/"}, (page, posts)
        assert not re.findall(r'href="[^"]*/(new|revoke|rotate|pause|hand-over|people|notices|webhooks)/', body), page


def test_credentials_are_shown_only_in_the_first_minutes(
    cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, credentials = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    pia, page = arrive(cast), f"{list_of(cast)}{token.pk}/credentials/"
    assert credentials.password in pia.post(page).content.decode()
    monkeypatch.setattr("simsim.accounts.recent_authentication.time.time", lambda: time.monotonic() + 10**10)
    asked = pia.post(page)
    assert asked["Location"].startswith("/sign-in/reauthenticate/")
    told = pia.get(asked["Location"])
    assert "Go back there, and open the console again." in text_of(told)
    assert f'href="{RETURN}"' in told.content.decode()


def test_session_is_short_whatever_is_used_meanwhile(cast: Cast) -> None:
    from simsim.console_sessions.models import ConsoleSession

    pia = arrive(cast)
    pia.get(list_of(cast))
    [row] = ConsoleSession.objects.filter(user__email="pia@acme.example")
    assert row.expire_date - row.last_used_at <= timedelta(minutes=30)
    ConsoleSession.objects.update(last_used_at=row.last_used_at - timedelta(minutes=2))
    pia.get(list_of(cast))
    [again] = ConsoleSession.objects.filter(user__email="pia@acme.example")
    assert abs(again.expire_date - row.expire_date) < timedelta(seconds=2)


def test_products_proof_replaces_second_factor_and_single_sign_on(cast: Cast, now: datetime) -> None:
    require_second_factor(actor=cast.as_alice, account=cast.acme, required=True, now=now)
    require_single_sign_on(actor=OPERATOR, account=cast.acme, required="everyone", signed_in_at_provider=False, now=now)
    assert arrive(cast).get(list_of(cast)).status_code == 200


def test_member_from_the_product_asks_for_a_token(cast: Cast) -> None:
    page = f"/accounts/{cast.acme.pk}/"
    member = arrive(cast, "member")
    assert "alice@acme.example" in text_of(member.get(page))
    sent = member.post(f"{page}ask/", {"name": "Report", "purpose": "Sales", "software": ""})
    assert sent.status_code == 302, text_of(sent)
    assert "Report" in text_of(member.get(page))


def test_arriving_ends_the_session_of_before(cast: Cast) -> None:
    browser = sign_in(cast.alice)
    browser.post("/portal/", {"link": link_for(cast, "reader").secret})
    assert browser.post(f"{list_of(cast)}new/", {"name": "T"}).status_code == 403
    assert browser.get("/security/").status_code == 403


def test_command_line_makes_the_same_link(cast: Cast, simsim: Simsim) -> None:
    options = ["--account", str(cast.acme.pk), "--role", "reader", "--return-url", RETURN]
    made = simsim("user", "portal-link", "pia@acme.example", *options, "--expires-in", "30")
    assert Client().post("/portal/", {"link": made["url"]}).status_code == 302
    assert "10 to 600" in simsim("user", "portal-link", "p@acme.example", *options, "--expires-in", "5", fails=2)


def test_look_is_a_style_sheet_of_our_own(cast: Cast) -> None:
    sheet = Client().get("/portal/look.css")
    assert (sheet["Content-Type"], sheet.content) == ("text/css; charset=utf-8", b":root { --portal: #7a1fa2; }\n")
    assert Client().get("/portal/logo").status_code == 404
