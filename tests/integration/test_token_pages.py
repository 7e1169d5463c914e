"""The pages of tokens over HTTP: lists, search, previews, edits, rotation and tests."""

import html
import re
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from cast import PASSWORD, Cast
from console_client import HTMX, list_of, names_in, sign_in, text_of
from simsim.accounts.actions import add_user
from simsim.accounts.models import Role
from simsim.accounts.permissions import OPERATOR
from simsim.audit.models import AuditEvent
from simsim.request_log.models import TokenAddressDay, TokenUse, UsageCount
from simsim.request_log.ship.counts import hour_of
from simsim.rfc3339 import format_time
from simsim.tokens.actions import create_token, edit_token, revoke_token, rotate_token
from simsim.tokens.models import Token
from simsim.tokens.token_credentials import TokenCredentials

pytestmark = pytest.mark.django_db(databases="__all__")
DAY = timedelta(days=1)


@pytest.fixture
def alice(cast: Cast) -> Client:
    return sign_in(cast.alice)


@pytest.fixture
def made(cast: Cast, now: datetime) -> tuple[Token, TokenCredentials]:
    return create_token(actor=cast.as_alice, account=cast.acme, name="Power BI", expires="90d", now=now)


def many(cast: Cast, now: datetime) -> None:
    """Give Acme tokens of each kind; the ids in the log are theirs."""
    for name, age_days, expires, used_days_ago, software in [
        ("Ends soon", 40, "45d", 0, "excel"), ("Ends sooner", 40, "42d", None, None), ("Fresh", 1, "20d", None, None),
        ("Idle", 90, "300d", 61, "power-bi"), ("Never", 8, "200d", None, None), ("Busy", 90, "150d", 59, "excel"),
    ]:  # fmt: skip
        then = now - timedelta(days=age_days)
        token, _ = create_token(
            actor=cast.as_alice, account=cast.acme, name=name, expires=expires, software=software,
            description=f"About {name.upper()}", now=then,
        )  # fmt: skip
        if used_days_ago is not None:
            TokenUse.objects.create(
                token_id=token.pk, account_id=cast.acme.pk, used_at=now - used_days_ago * DAY, address="203.0.113.9"
            )


@pytest.mark.covers("R4", "R5", "B5")
def test_tokens_that_need_attention_come_first_with_the_reason(cast: Cast, alice: Client, now: datetime) -> None:
    many(cast, now)
    page = alice.get(list_of(cast))
    assert names_in(page) == ["Ends sooner", "Ends soon", "Never", "Idle", "Fresh", "Busy"]
    said = text_of(page)
    for state in ("in 2 days", "in 5 days", "never used for 8 days", "idle for 61 days", "59 days ago"):
        assert state in said


@pytest.mark.parametrize("ended", ["", "ended/"])
def test_each_name_in_a_list_leads_to_its_token(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials], now: datetime, ended: str
) -> None:
    """The lists build their URLs themselves."""
    token, _ = made
    if ended:
        revoke_token(actor=cast.as_alice, token=token, now=now)
    page = alice.get(list_of(cast) + ended).content.decode()
    assert re.findall(r'class="name" href="([^"]*)"', page) == [reverse("console:token", args=[cast.acme.pk, token.pk])]


@pytest.mark.covers("R7", "B5")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "ends"}, ["Ends sooner", "Ends soon"]),
        ({"q": "about idle"}, ["Idle"]),
        ({"q": "ALICE@"}, ["Ends sooner", "Ends soon", "Never", "Idle", "Fresh", "Busy"]),
        ({"q": "%"}, []),
        ({"q": "\0"}, ["Ends sooner", "Ends soon", "Never", "Idle", "Fresh", "Busy"]),
        ({"software": "excel"}, ["Ends soon", "Busy"]),
        ({"software": "excel", "q": "busy"}, ["Busy"]),
        ({"attention": "soon"}, ["Ends sooner", "Ends soon"]),
        ({"attention": "unused"}, ["Never", "Idle"]),
        ({"attention": "nonsense", "software": "nonsense"}, []),
    ],
)
def test_tokens_are_found_by_text_software_and_state(
    cast: Cast, alice: Client, now: datetime, query: dict[str, str], names: list[str]
) -> None:
    many(cast, now)
    page = alice.get(list_of(cast), query)
    assert names_in(page) == names
    assert names or "No tokens match" in text_of(page)


def test_search_is_kept_across_pages(cast: Cast, alice: Client, now: datetime) -> None:
    for number in range(27):
        create_token(actor=cast.as_alice, account=cast.acme, name=f"T&{number:02}", expires="90d", now=now)
    first = alice.get(list_of(cast), {"q": "t&"})
    (link,) = re.findall(r'rel="next" href="([^"]*)"', first.content.decode())
    second = alice.get(list_of(cast) + html.unescape(link))
    assert len(names_in(first)) == 25
    assert sorted(names_in(first) + names_in(second)) == [f"T&amp;{number:02}" for number in range(27)]


@pytest.mark.covers("R1")
def test_neither_search_nor_counts_reach_into_another_account(cast: Cast, now: datetime) -> None:
    create_token(actor=cast.as_charlie, account=cast.globex, name="Globex feed", expires="2d", now=now)
    page = sign_in(cast.alice).get(list_of(cast), {"q": "globex"})
    assert "Globex feed" not in text_of(page)
    assert "No active tokens yet" in text_of(page)


@pytest.mark.covers("B5")
def test_requests_of_the_last_30_days_are_drawn_and_described(
    cast: Cast, alice: Client, made: Any, now: datetime
) -> None:
    today: date = now.date()
    for days_ago, accepted in ((0, 200), (10, 1000), (29, 4), (30, 50_000)):
        UsageCount.objects.create(
            account_id=cast.acme.pk, hours=24, kind="token", value=made[0].pk.hex, accepted=accepted, refused=9,
            began_hour=hour_of(datetime.combine(today - timedelta(days_ago), datetime.min.time(), UTC)),
        )  # fmt: skip
    page = alice.get(list_of(cast))
    assert "1,204 requests" in text_of(page)
    (path,) = re.findall(r'class="spark".*?<path d="([^"]*)"', page.content.decode(), re.DOTALL)
    assert path.count("M") == 3
    assert "v-20.0" in path


@pytest.mark.covers("R5", "R10")
@pytest.mark.parametrize("where", ["new/", "token"])
def test_errors_are_shown_while_typing_and_nothing_is_saved(cast: Cast, alice: Client, made: Any, where: str) -> None:
    address = f"{list_of(cast)}new/" if where == "new/" else f"{list_of(cast)}{made[0].pk}/"
    before = AuditEvent.objects.count()
    form = {
        "press": "check", "name": "power bi", "expires": "date", "expires_on": "2020-01-01", "description": "",
        "software": "nonsense", "network": ["10.0.0.1/8", "192.0.2.1"],
    }  # fmt: skip
    answer = alice.post(address, form, headers=HTMX)
    assert answer.status_code == 200
    errors = dict(re.findall(r'id="([a-z_0-9]+)"[^>]*hx-swap-oob="true">([^<]*)<', answer.content.decode()))
    assert "10.0.0.0/8" in errors["network_0_error"]
    assert errors["network_1_error"] == errors["id_description_error"] == ""
    assert "nonsense" in errors["id_software_error"]
    # Its own name is no other token's.
    assert bool(errors["id_name_error"]) is (where == "new/")
    assert ("past" in errors.get("id_expires_error", "")) is (where == "new/")
    assert (Token.objects.count(), AuditEvent.objects.count()) == (1, before)


def test_empty_field_is_not_reported_as_required_while_typing(cast: Cast, alice: Client) -> None:
    form = {"press": "check", "name": "", "expires": "date", "expires_on": "", "network": "10.0.0.0/8"}
    answer = alice.post(f"{list_of(cast)}new/", form, headers=HTMX)
    assert text_of(answer) == ""


@pytest.fixture
def seen(made: tuple[Token, TokenCredentials], now: datetime) -> Token:
    """Acme's token, used from two addresses."""
    for address, accepted in (("203.0.113.9", 40), ("198.51.100.7", 2)):
        TokenAddressDay.objects.create(token_id=made[0].pk, day=now.date(), address=address, accepted=accepted)
    return made[0]


def lines(answer: Any) -> list[str]:
    return re.findall(r'name="network" value="([^"]*)"', answer.content.decode())


@pytest.mark.covers("B3")
def test_narrower_list_is_saved_only_after_its_preview_was_seen(cast: Cast, alice: Client, seen: Token) -> None:
    address = f"{list_of(cast)}{seen.pk}/"
    form = {"name": "Power BI", "network": ["203.0.113.0/24"]}
    asked = alice.post(address, form)
    assert asked.status_code == 200
    assert "2 of the 42 requests in the last 30 days came from one address outside the list" in text_of(asked)
    assert Token.objects.get().allowed_networks == []

    # The preview was of another list, so “Save anyway” saves nothing.
    elsewhere = alice.post(
        address, form | {"network": "10.0.0.0/8", "press": "save-anyway", "previewed": "203.0.113.0/24"}
    )
    assert "would have refused every request" in text_of(elsewhere)
    assert Token.objects.get().allowed_networks == []

    added = alice.post(address, form | {"press": "add-one-198.51.100.7"})
    assert lines(added) == ["203.0.113.0/24", "198.51.100.7"]
    assert "All 42 requests in the last 30 days came from addresses in this list" in text_of(added)
    assert lines(alice.post(address, form | {"press": "add-all"})) == ["203.0.113.0/24", "198.51.100.7"]
    assert lines(alice.post(address, form | {"press": "add-one-192.0.2.1"})) == ["203.0.113.0/24"]

    alice.post(address, form | {"press": "save-anyway", "previewed": "203.0.113.0/24"})
    assert Token.objects.get().allowed_networks == ["203.0.113.0/24"]


@pytest.mark.covers("B3")
def test_list_that_would_have_refused_nobody_is_saved_at_once(cast: Cast, alice: Client, seen: Token) -> None:
    alice.post(f"{list_of(cast)}{seen.pk}/", {"name": "Power BI", "network": ["203.0.113.0/24", "198.51.100.0/24"]})
    assert Token.objects.get().allowed_networks == ["203.0.113.0/24", "198.51.100.0/24"]
    again = alice.post(
        f"{list_of(cast)}{seen.pk}/", {"name": "Renamed", "network": ["203.0.113.0/24", "198.51.100.0/24"]}
    )
    assert again.status_code == 302


@pytest.mark.covers("B3")
def test_list_is_saved_as_report_only_until_it_is_enforced(cast: Cast, alice: Client, seen: Token) -> None:
    address = f"{list_of(cast)}{seen.pk}/"
    form = {"name": "Power BI", "network": ["203.0.113.0/24"]}
    alice.post(address, form | {"press": "save-report-only"})
    token = Token.objects.get()
    assert (token.allowed_networks, token.report_only) == (["203.0.113.0/24"], True)
    page = text_of(alice.get(address))
    assert "Once enforced, this list would refuse requests that are let in now" in page
    assert "198.51.100.7" in page
    # Enforcing a report-only list narrows it.
    assert "would have refused requests" in text_of(alice.post(address, form))
    assert Token.objects.get().report_only is True
    alice.post(address, form | {"press": "save-anyway", "previewed": "203.0.113.0/24"})
    assert Token.objects.get().report_only is False


@pytest.mark.covers("B3")
def test_traffic_suggests_a_list_and_nothing_is_suggested_without_traffic(
    cast: Cast, alice: Client, seen: Token, now: datetime
) -> None:
    form = {"name": "Power BI", "network": [""], "press": "suggest"}
    suggested = alice.post(f"{list_of(cast)}{seen.pk}/", form)
    assert sorted(lines(suggested)) == ["198.51.100.7/32", "203.0.113.9/32"]
    fresh, _ = create_token(actor=cast.as_alice, account=cast.acme, name="Fresh", expires="90d", now=now)
    answer = alice.post(f"{list_of(cast)}{fresh.pk}/", form)
    assert (lines(answer), "would have refused nothing" in text_of(answer)) == ([""], True)
    broken = alice.post(f"{list_of(cast)}{seen.pk}/", form | {"network": "nowhere", "press": "preview"})
    assert "neither an address nor a network" in text_of(broken)
    assert Token.objects.get(pk=seen.pk).allowed_networks == []


@pytest.mark.covers("B3")
def test_page_explains_how_the_browsers_address_was_determined(cast: Cast, alice: Client, made: Any) -> None:
    page = alice.get(f"{list_of(cast)}{made[0].pk}/", REMOTE_ADDR="198.51.100.7")
    assert "Your address is 198.51.100.7." in text_of(page)
    through = alice.get(f"{list_of(cast)}new/", REMOTE_ADDR="", HTTP_X_FORWARDED_FOR="203.0.113.9")
    assert "Add my IP (203.0.113.9)" in text_of(through)


@pytest.mark.covers("B2")
def test_rotation_shows_the_new_password_and_a_form_sent_twice_rotates_once(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials], now: datetime
) -> None:
    token, first = made
    address = f"{list_of(cast)}{token.pk}/rotate/"
    question = alice.get(address)
    assert "never used" in text_of(question)
    (after,) = re.findall(r'name="after" value="([^"]*)"', question.content.decode())
    assert alice.post(address, {"after": after}).status_code == 422
    answer = alice.post(address, {"after": after, "overlap": "day"})
    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    (password,) = re.findall(r'value="(sim_[0-9A-Za-z]{49})"', answer.content.decode())
    assert password != first.password
    again = alice.post(address, {"after": after, "overlap": "day"})
    assert (again.status_code, "sim_" in again.content.decode()) == (409, False)
    assert AuditEvent.objects.filter(event="token.rotated").count() == 1
    assert Token.objects.get().previous_works_until is not None


@pytest.mark.covers("B2")
def test_overlap_is_shown_with_the_previous_passwords_last_use_and_can_be_ended(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials], now: datetime
) -> None:
    token, _ = made
    address = f"{list_of(cast)}{token.pk}/"
    assert "End the overlap" not in text_of(alice.get(address))
    rotate_token(actor=cast.as_alice, token=token, overlap=7 * DAY, now=now - 3 * DAY)
    assert "It has not been used since the rotation" in text_of(alice.get(address))
    TokenUse.objects.create(
        token_id=token.pk, account_id=cast.acme.pk, used_at=now, address=None, previous_used_at=now - timedelta(hours=5)
    )
    assert "It was last used 5 hours ago, so some software still has it." in text_of(alice.get(address))
    asked = text_of(alice.get(f"{address}rotate/end-overlap/"))
    assert "The previous password was last used 5 hours ago." in asked
    assert "The new password was last used" in asked
    stale = alice.post(f"{address}rotate/end-overlap/", {"after": "first"})
    assert (stale.status_code, "End the overlap" in text_of(alice.get(address))) == (409, True)
    said = alice.post(f"{address}rotate/end-overlap/", {"after": format_time(now - 3 * DAY)}, follow=True)
    assert "no longer works" in text_of(said)
    assert "End the overlap" not in text_of(alice.get(address))
    assert alice.get(f"{address}rotate/end-overlap/").status_code == 302, "there is no overlap to end"


@pytest.mark.covers("R11", "B6")
def test_credentials_are_downloaded_as_a_file_and_that_is_recorded(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]
) -> None:
    token, credentials = made
    address = f"{list_of(cast)}{token.pk}/credentials/env/"
    assert alice.get(address).status_code == 302
    answer = alice.post(address)
    assert answer["Content-Disposition"] == 'attachment; filename="power-bi.env"'
    assert "no-store" in answer["Cache-Control"]
    assert f"\nSIMSIM_USERNAME={cast.acme.pk}\nSIMSIM_PASSWORD={credentials.password}\n" in answer.content.decode()
    assert AuditEvent.objects.latest("pk").event == "token.credentials_shown"


@pytest.mark.covers("R11")
def test_edit_page_shows_the_password_only_in_answer_to_a_post(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]
) -> None:
    address = f"{list_of(cast)}{made[0].pk}/"
    assert made[1].password not in alice.get(address).content.decode()
    shown = alice.post(f"{address}credentials/").content.decode()
    assert made[1].password in shown
    assert 'data-hide-after="60"' in shown
    # The form beside it still works.
    assert f'action="{address}"' in shown


def test_token_test_without_a_gate_says_so_and_is_recorded(cast: Cast, alice: Client, made: Any) -> None:
    assert not settings.OPERATOR.gate_socket.exists()
    for headers in ({}, HTMX):
        answer = alice.post(f"{list_of(cast)}{made[0].pk}/test/", headers=headers)
        assert "The gate did not answer" in text_of(answer)
        assert made[1].password not in answer.content.decode()
    assert AuditEvent.objects.filter(event="token.tried").count() == 2


@pytest.mark.covers("R12")
@pytest.mark.parametrize("page", ["rotate/", "rotate/end-overlap/", "credentials/", "credentials/env/", "test/", ""])
def test_ended_token_is_read_only(cast: Cast, alice: Client, made: tuple[Token, TokenCredentials], page: str) -> None:
    address = f"{list_of(cast)}{made[0].pk}/"
    alice.post(f"{address}revoke/", {"reason": "other"})
    answer = alice.post(f"{address}{page}", {"name": "New", "network": "", "overlap": "day", "after": "first"})
    assert answer.status_code == (302 if page == "rotate/" else 409)
    assert made[1].password not in answer.content.decode()
    assert Token.objects.get().name == "Power BI"


@pytest.mark.covers("R1", "R2")
def test_token_outlives_the_administrator_who_made_it(cast: Cast, alice: Client, made: Any, now: datetime) -> None:
    add_user(actor=OPERATOR, account=cast.acme, email="dora@acme.example", role=Role.ADMINISTRATOR, now=now)
    cast.alice.memberships.all().delete()
    assert alice.get(list_of(cast)).status_code == 404
    assert Token.objects.active(now).get().created_by_label == "alice@acme.example"


def grow_old(client: Client) -> None:
    """Make this browser's sign-in an hour old."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - 3600
    session.save()


@pytest.mark.covers("B2", "R11")
def test_abandoned_form_is_not_sent_when_the_password_is_entered_later(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials]
) -> None:
    token, new = f"{list_of(cast)}{made[0].pk}/", f"{list_of(cast)}new/"
    grow_old(alice)
    # Sent by somebody else at an open browser: a rotation without overlap, and a new token.
    alice.post(f"{token}rotate/", {"overlap": "none", "after": "first"})
    alice.post(new, {"name": "Backdoor", "expires": "365d", "network": ""})
    for page in (f"{token}rotate/", new):
        asked = alice.get(page)
        question = alice.post(asked["Location"], {"password": PASSWORD}, follow=True)
        assert question.redirect_chain[-1][0] == page
        grow_old(alice)
    assert [token.rotated_at for token in Token.objects.all()] == [None]


@pytest.mark.covers("B3", "R12")
def test_page_opened_long_ago_does_not_undo_later_changes(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials], now: datetime
) -> None:
    token, address = made[0], f"{list_of(cast)}{made[0].pk}/"
    edit: dict[str, Any] = {"actor": cast.as_alice, "token": token, "now": now}
    edit_token(**edit, allowed_networks=["10.0.0.0/8"], report_only=True)
    (list_as_opened,) = re.findall(r'name="list_as_opened" value="([^"]*)"', alice.get(address).content.decode())
    as_opened = {"network": ["10.0.0.0/8"], "report_only": "on", "list_as_opened": list_as_opened}
    edit_token(**edit, allowed_networks=["10.1.2.3"], report_only=False)
    alice.post(address, as_opened | {"name": "Power BI", "description": "New words"})
    token = Token.objects.get()
    assert (token.description, token.allowed_networks, token.report_only) == ("New words", ["10.1.2.3/32"], False)
    refused = alice.post(address, as_opened | {"name": "Power BI", "network": ["10.0.0.0/8", "192.0.2.1"]})
    assert refused.status_code == 409
    assert "Allowed now: 10.1.2.3/32." in text_of(refused)
    assert lines(refused) == ["10.0.0.0/8", "192.0.2.1"]
    assert Token.objects.get().allowed_networks == ["10.1.2.3/32"]
    (list_as_opened,) = re.findall(r'name="list_as_opened" value="([^"]*)"', refused.content.decode())
    alice.post(address, {"name": "Power BI", "network": ["10.0.0.0/8", "192.0.2.1"], "list_as_opened": list_as_opened})
    assert Token.objects.get().allowed_networks == ["10.0.0.0/8", "192.0.2.1/32"]


@pytest.mark.covers("R10", "R12")
@pytest.mark.parametrize(
    ("change", "asks"),
    [
        ({"network": ""}, True),
        ({"network": ["10.0.0.0/8", "192.0.2.1"]}, True),
        ({"network": ["10.0.0.0/7"]}, True),
        ({"network": ["10.0.0.0 - 11.0.0.1"]}, True),
        ({"network": ["10.0.0.1 - 10.0.0.9"]}, False),
        ({"network": ["10.0.0.0/8"], "report_only": "on"}, True),
        ({"network": ["10.1.0.0/16"]}, False),
        ({"network": ["10.0.0.0/8"], "description": "New words"}, False),
    ],
)
def test_widening_an_allowlist_at_an_open_browser_needs_the_password(
    cast: Cast, alice: Client, made: tuple[Token, TokenCredentials], now: datetime, change: dict[str, Any], asks: bool
) -> None:
    edit_token(actor=cast.as_alice, token=made[0], allowed_networks=["10.0.0.0/8"], now=now)
    grow_old(alice)
    answer = alice.post(f"{list_of(cast)}{made[0].pk}/", {"name": "Power BI"} | change)
    assert answer["Location"].startswith("/sign-in/reauthenticate/") is asks
    if asks:
        assert Token.objects.get().allowed_networks == ["10.0.0.0/8"]
        alice.post(answer["Location"], {"password": PASSWORD})
        assert Token.objects.get().report_only or Token.objects.get().allowed_networks != ["10.0.0.0/8"]


@pytest.mark.covers("R10")
def test_long_list_is_one_text_and_a_list_beyond_the_limit_is_refused(cast: Cast, alice: Client, made: Any) -> None:
    address = f"{list_of(cast)}{made[0].pk}/"
    many = [f"10.{number // 256}.{number % 256}.1" for number in range(3000)]
    answer = alice.post(address, {"name": "Power BI", "network": "\n".join(many)})
    assert answer.status_code == 302
    assert len(Token.objects.get().allowed_networks) == 3000
    shown = alice.get(address).content.decode()
    assert shown.count('name="network"') == 1
    assert "10.11.183.1/32" in shown
    broken = alice.post(address, {"name": "Power BI", "network": "\n".join([*many, "nowhere"])})
    assert "“nowhere” is neither an address nor a network" in text_of(broken)
    endless = alice.post(address, {"name": "Power BI", "network": "192.0.2.1 " * 200_000})
    assert endless.status_code == 422
    assert "Enter at most 10,000 networks" in text_of(endless)
    assert len(Token.objects.get().allowed_networks) == 3000


@pytest.mark.covers("R5", "R10", "R18")
def test_all_errors_are_shown_at_once_with_links_and_the_first_gets_the_focus(
    cast: Cast, alice: Client, made: Any
) -> None:
    del made
    form = {"name": "power bi", "expires": "date", "expires_on": "2020-01-01", "network": ["10.0.0.0/8", "nowhere"]}
    told = {
        "id_name": "An active token is already named “Power BI”.",
        "id_expires_on": "The expiry is in the past.",
        "network_1": "“nowhere” is neither an address nor a network such as 203.0.113.0/24.",
    }
    for wrong in range(3):
        refused = alice.post(f"{list_of(cast)}new/", form)
        assert refused.status_code == 422
        page = html.unescape(refused.content.decode())
        summary = re.findall(r'<li><a href="#([a-z0-9_]+)">([^<]*)</a></li>', page)
        assert summary == list(told.items())
        (focused,) = re.findall(r"<[^>]*\sautofocus[^>]*>", page)
        assert f'id="{summary[0][0]}"' in focused
        assert ("Open that token" in page) is ("id_name" in told)
        field, value = [("name", "Other"), ("expires_on", "2030-01-01"), ("network", ["10.0.0.0/8"])][wrong]
        form |= {field: value}
        del told[summary[0][0]]
    assert alice.post(f"{list_of(cast)}new/", form).status_code == 201


@pytest.mark.covers("R5", "R12")
def test_edit_reports_a_taken_name_with_the_other_errors(cast: Cast, alice: Client, made: Any, now: datetime) -> None:
    create_token(actor=cast.as_alice, account=cast.acme, name="Taken", expires="90d", now=now)
    sent = {"name": "Taken", "network": ["nowhere"], "description": "x" * 2000}
    refused = alice.post(f"{list_of(cast)}{made[0].pk}/", sent)
    assert refused.status_code == 422
    summary = re.findall(r'<li><a href="#([a-z0-9_]+)">', refused.content.decode())
    assert summary == ["id_name", "id_description", "network_0"]


@pytest.mark.covers("R11")
@pytest.mark.parametrize(
    ("software", "opened"),
    [
        ("excel", "excel"), ("power-bi", "power-bi"), ("postman", "postman"), ("python", "requests"),
        ("snowflake", "anything"), ("", "curl"),
    ],
)  # fmt: skip
def test_recipe_of_the_chosen_software_is_open_after_creation(
    cast: Cast, alice: Client, software: str, opened: str
) -> None:
    sent = {"name": "Report", "expires": "90d", "software": software, "network": ""}
    page = alice.post(f"{list_of(cast)}new/", sent).content.decode()
    (shown,) = re.findall(r'<details name="recipe" open>(.*?)</details>', page, re.DOTALL)
    assert f"connect/{opened}/" in shown
