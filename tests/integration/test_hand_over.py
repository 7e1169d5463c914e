"""Handing over a token: the link shows the credentials once, to one person, and everything else leaves it unused."""

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from cast import Cast
from console_client import list_of, sign_in, text_of
from simsim.accounts.actions import change_role
from simsim.accounts.models import Role
from simsim.accounts.permissions import OPERATOR
from simsim.audit.models import AuditEvent
from simsim.credential.password import whole_ones
from simsim.mail.models import OwedMail
from simsim.problem import (
    HandOverEnded,
    HandOverPaused,
    Invalid,
    NotFound,
    NotPermitted,
    Problem,
    TokenNotActive,
)
from simsim.tokens.actions import create_token, revoke_token, rotate_token, show_credentials
from simsim.tokens.hand_over import hand_over_token, open_link, take_back
from simsim.tokens.hand_over_links import Link, delete_ended, take_back_all
from simsim.tokens.models import HandOver, HandOverState, Token
from simsim.tokens.pause import pause_token, resume_token
from simsim.tokens.token_requests import ask_for_token
from verbs import Simsim

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B14")]
HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
PREVIEWS = (
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "facebookexternalhit/1.1", "WhatsApp/2.23.20.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", "TelegramBot (like TwitterBot)",
    "Barracuda Sentinel (EE)",
)  # fmt: skip


@pytest.fixture
def alice(cast: Cast) -> Client:
    return sign_in(cast.alice)


@pytest.fixture
def link(cast: Cast, token: Token, now: datetime) -> Link:
    return hand_over_token(actor=cast.as_alice, token=token, now=now)


def opened(link: Link, now: datetime, code: str = "", address: str = "203.0.113.9") -> str:
    return open_link(link.secret, code=code, address=address, now=now).credentials.password


def trail() -> list[str]:
    found = AuditEvent.objects.filter(event__startswith="token.hand_over").order_by("pk")
    return list(found.values_list("event", flat=True))


def test_link_shows_the_current_credentials_once_and_says_when_it_was_used(
    cast: Cast, token: Token, link: Link, now: datetime
) -> None:
    _, rotated = rotate_token(actor=cast.as_alice, token=token, overlap=HOUR, now=now)
    assert opened(link, now + HOUR) == rotated.password
    with pytest.raises(HandOverEnded, match=f"{now + HOUR:%Y-%m-%d %H:%M} UTC"):
        opened(link, now + 2 * HOUR)
    used = HandOver.objects.get()
    assert (used.used_at, used.used_from, used.state(now)) == (now + HOUR, "203.0.113.9", HandOverState.USED)
    assert trail() == ["token.hand_over_created", "token.hand_over_used"]
    mail = OwedMail.objects.get(kind="token_handed_over")
    assert (mail.recipient, mail.facts["address"]) == ("alice@acme.example", "203.0.113.9")


def test_only_digests_are_stored(cast: Cast, token: Token, now: datetime) -> None:
    link = hand_over_token(actor=cast.as_alice, token=token, with_code=True, now=now)
    password = opened(link, now, link.code)
    stored = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            stored += [repr(row) for row in cursor.fetchall()]
    for secret in (link.secret, password, f"'{link.code}'"):
        assert not [row for row in stored if secret in row]
    assert link.secret not in repr(link)
    assert link.code not in repr(link).replace(str(link.hand_over), "")


def test_link_works_until_just_before_its_end(cast: Cast, token: Token, link: Link, now: datetime) -> None:
    with pytest.raises(HandOverEnded, match="It ended on"):
        opened(link, now + DAY)
    assert opened(link, now + DAY - TICK)


@pytest.mark.parametrize("time", [timedelta(0), timedelta(minutes=4), timedelta(days=8)])
def test_time_that_is_too_short_or_too_long_is_refused(
    cast: Cast, token: Token, now: datetime, time: timedelta
) -> None:
    with pytest.raises(Invalid):
        hand_over_token(actor=cast.as_alice, token=token, expires_in=time, now=now)


def test_only_an_administrator_hands_over_and_takes_back(cast: Cast, token: Token, link: Link, now: datetime) -> None:
    for actor, problem in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound), (OPERATOR, NotPermitted)):
        with pytest.raises(problem):
            hand_over_token(actor=actor, token=token, now=now)
        with pytest.raises(problem):
            take_back(actor=actor, hand_over=link.hand_over, now=now)
    assert opened(link, now)


def test_link_that_was_taken_back_shows_nothing_and_a_used_one_stays_used(
    cast: Cast, token: Token, link: Link, now: datetime
) -> None:
    take_back(actor=cast.as_alice, hand_over=link.hand_over, now=now)
    with pytest.raises(HandOverEnded, match="taken back"):
        opened(link, now)
    other = hand_over_token(actor=cast.as_alice, token=token, now=now)
    opened(other, now)
    assert take_back(actor=cast.as_alice, hand_over=other.hand_over, now=now).state(now) == HandOverState.USED
    assert trail().count("token.hand_over_taken_back") == 1


def test_ended_token_is_said_plainly_and_a_paused_one_leaves_the_link_unused(
    cast: Cast, token: Token, link: Link, now: datetime
) -> None:
    pause_token(actor=cast.as_alice, token=token, now=now)
    with pytest.raises(HandOverPaused):
        opened(link, now)
    with pytest.raises(HandOverEnded, match="expired"):
        opened(link, token.expires_at)
    resume_token(actor=cast.as_alice, token=token, now=now)
    revoke_token(actor=cast.as_alice, token=token, now=now)
    with pytest.raises(HandOverEnded, match="revoked"):
        opened(link, now)
    with pytest.raises(TokenNotActive):
        hand_over_token(actor=cast.as_alice, token=token, now=now)
    assert HandOver.objects.get().used_at is None


def test_link_of_an_administrator_who_was_demoted_shows_nothing(
    cast: Cast, token: Token, link: Link, now: datetime
) -> None:
    change_role(actor=OPERATOR, account=cast.acme, user=cast.bob, role=Role.ADMINISTRATOR, now=now)
    change_role(actor=OPERATOR, account=cast.acme, user=cast.alice, role=Role.MEMBER, now=now)
    with pytest.raises(HandOverEnded, match="no longer manages"):
        opened(link, now)


def test_code_is_needed_and_five_wrong_ones_end_the_link(cast: Cast, token: Token, now: datetime) -> None:
    link = hand_over_token(actor=cast.as_alice, token=token, with_code=True, now=now)
    assert re.fullmatch(r"\d{6}", link.code)
    wrong = f"{(int(link.code) + 1) % 10**6:06}"
    for _ in range(7):
        with pytest.raises(Invalid, match="needs the code"):
            opened(link, now)
    for left in (4, 3, 2, 1):
        with pytest.raises(Invalid, match=f"{left} more times"):
            opened(link, now, wrong)
    assert opened(link, now, f" {link.code[:3]} {link.code[3:]} ")
    other = hand_over_token(actor=cast.as_alice, token=token, with_code=True, now=now)
    wrong = f"{(int(other.code) + 1) % 10**6:06}"
    for _ in range(4):
        with pytest.raises(Invalid):
            opened(other, now, wrong)
    for code in (wrong, other.code):
        with pytest.raises(HandOverEnded, match="too often"):
            opened(other, now, code)
    assert trail()[-1] == "token.hand_over_blocked"


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_of_eight_people_at_once_one_gets_the_credentials(cast: Cast, token: Token, link: Link, now: datetime) -> None:
    barrier, got, told = threading.Barrier(8), [], []

    def use() -> None:
        barrier.wait()
        try:
            got.append(opened(link, now))
        except HandOverEnded as problem:
            told.append(str(problem))
        finally:
            connections.close_all()

    people = [threading.Thread(target=use) for _ in range(8)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert len(got) == 1
    assert told == [told[0]] * 7
    assert f"{now:%Y-%m-%d %H:%M} UTC" in told[0]
    assert trail().count("token.hand_over_used") == 1


def test_links_are_taken_back_after_a_restore_and_deleted_later(
    cast: Cast, token: Token, link: Link, now: datetime
) -> None:
    assert take_back_all(OPERATOR, now=now) == 1
    assert take_back_all(OPERATOR, now=now) == 0
    with pytest.raises(HandOverEnded):
        opened(link, now)
    assert (delete_ended(now + DAY), delete_ended(now + DAY + TICK)) == (0, 1)


def test_previews_and_scanners_use_nothing_up(link: Link, django_assert_num_queries: Callable[[int], Any]) -> None:
    path = link.url.partition("#")[0].removeprefix("http://localhost:8000")
    assert path == "/hand-over/"
    for agent in PREVIEWS:
        browser = Client(headers={"user-agent": agent})
        with django_assert_num_queries(0):
            for answer in (browser.head(path), browser.get(path), browser.get(path, {"link": link.secret})):
                assert answer.status_code == 200
                assert "Night load" not in answer.content.decode()
        assert answer["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert (answer["Referrer-Policy"], "no-store" in answer["Cache-Control"]) == ("same-origin", True)
        assert browser.options(path).status_code == 405
        assert browser.put(path).status_code == 405
    assert HandOver.objects.get().used_at is None


def test_page_shows_credentials_recipes_and_file_once(link: Link, cast: Cast, token: Token, now: datetime) -> None:
    first, second = Client(), Client()
    shown = first.post("/hand-over/", {"link": f" {link.url} "})
    password = show_credentials(actor=cast.as_alice, token=token, now=now).password
    page = shown.content.decode()
    assert shown.status_code == 200
    for part in (password, str(cast.acme.pk), f"SIMSIM_PASSWORD={password}", "curl", "night-load.env", "Night load"):
        assert part in page, part
    assert "/accounts/" not in page, "these pages need a sign-in"
    assert "no-store" in shown["Cache-Control"]
    again = second.post("/hand-over/", {"link": link.secret})
    assert again.status_code == 410
    assert "It was used on" in text_of(again)
    assert whole_ones(again.content.decode()) == []


def test_page_asks_for_the_code_and_for_a_whole_link(cast: Cast, token: Token, now: datetime) -> None:
    link = hand_over_token(actor=cast.as_alice, token=token, with_code=True, now=now)
    browser = Client()
    for text in ("", "https://simsim.example/hand-over/", "#nothing", "x" * 5000, "\0"):
        unknown = browser.post("/hand-over/", {"link": text})
        assert unknown.status_code == 404
        assert "There is no such link." in text_of(unknown)
    asked = browser.post("/hand-over/", {"link": link.url})
    assert asked.status_code == 422
    assert "needs the code" in text_of(asked)
    wrong = f"{(int(link.code) + 1) % 10**6:06}"
    assert "4 more times" in text_of(browser.post("/hand-over/", {"link": link.secret, "code": wrong}))
    assert browser.post("/hand-over/", {"link": link.secret, "code": link.code}).status_code == 200


def test_form_is_protected_against_other_sites(link: Link) -> None:
    answer = Client(enforce_csrf_checks=True).post("/hand-over/", {"link": link.secret})
    assert answer.status_code == 403
    assert HandOver.objects.get().used_at is None


def test_administrator_makes_a_link_sees_its_use_and_takes_one_back(cast: Cast, alice: Client, token: Token) -> None:
    page = f"{list_of(cast)}{token.pk}/"
    assert "You don’t have to see or copy the password." in text_of(alice.get(f"{page}hand-over/"))
    refused = alice.post(f"{page}hand-over/", {"time": "1y"})
    assert (refused.status_code, "Choose how long the link works." in text_of(refused)) == (422, True)
    made = alice.post(f"{page}hand-over/", {"time": "1h", "with_code": "on"})
    assert made.status_code == 201
    assert whole_ones(made.content.decode()) == []
    [url] = re.findall(r'id="link" value="([^"]+)"', made.content.decode())
    [code] = re.findall(r'id="code" value="(\d{6})"', made.content.decode())
    assert "Not used yet" in text_of(alice.get(page))
    assert Client(REMOTE_ADDR="198.51.100.7").post("/hand-over/", {"link": url, "code": code}).status_code == 200
    assert "from 198.51.100.7" in text_of(alice.get(page))
    alice.post(f"{page}hand-over/", {"time": "7d"})
    waiting = HandOver.objects.get(used_at=None)
    alice.post(f"{page}hand-over/{waiting.pk}/take-back/")
    assert "The link no longer works. Nobody had used it." in text_of(alice.get(page))
    used = HandOver.objects.exclude(used_at=None).get()
    alice.post(f"{page}hand-over/{used.pk}/take-back/")
    assert "The link had ended before." in text_of(alice.get(page))


def test_member_gets_the_token_that_they_asked_for_by_a_page_of_their_own(cast: Cast, now: datetime) -> None:
    asked = ask_for_token(actor=cast.as_bob, account=cast.acme, name="Sales", purpose="Figures", now=now)
    made, credentials = create_token(
        actor=cast.as_alice, account=cast.acme, name="Sales", expires="30d", request=asked, now=now
    )
    assert "Not used yet" in text_of(sign_in(cast.alice).get(f"{list_of(cast)}{made.pk}/"))
    mail = OwedMail.objects.get(kind="token_request_granted")
    path = mail.facts["link"].removeprefix("http://localhost:8000")
    assert Client().get(path)["Location"].startswith("/sign-in/login/")
    bob, other = sign_in(cast.bob), sign_in(cast.alice)
    assert (other.get(path).status_code, other.post(path).status_code) == (404, 404)
    assert "Get them…" in text_of(bob.get(f"/accounts/{cast.acme.pk}/ask/", follow=True))
    for _ in range(2):
        page = bob.get(path)
        assert (page.status_code, credentials.password in page.content.decode()) == (200, False)
    assert credentials.password in bob.post(path).content.decode()
    for again in (bob.get(path), bob.post(path)):
        assert (again.status_code, "It was used on" in text_of(again)) == (410, True)
    assert AuditEvent.objects.get(event="token.hand_over_used").actor_label == "bob@acme.example"
    assert "Get them…" not in text_of(bob.get(f"/accounts/{cast.acme.pk}/ask/", follow=True))


@pytest.mark.covers("B7")
def test_command_line_prints_a_link_and_a_code(simsim: Simsim, cast: Cast, token: Token, now: datetime) -> None:
    alice = ("--as", "alice@acme.example")
    made = simsim("token", "hand-over", str(token.pk), *alice, "--expires-in", "2h", "--with-code")
    ends = datetime.fromisoformat(made["expires_at"])
    assert timedelta(minutes=119) < ends - now < timedelta(minutes=125)
    secret = made["url"].removeprefix("http://localhost:8000/hand-over/#")
    assert open_link(secret, code=made["code"], address="", now=now).token == token
    assert set(simsim("token", "hand-over", str(token.pk), *alice)) == {"id", "url", "expires_at"}
    assert simsim("token", "hand-over", str(token.pk), *alice, "--expires-in", "1s", fails=2).startswith("--expires-in")
    assert simsim("token", "hand-over", str(token.pk), *alice, "--expires-in", "x", fails=2).startswith("--expires-in")


def test_problems_name_neither_secret_nor_code(cast: Cast, token: Token, now: datetime) -> None:
    link = hand_over_token(actor=cast.as_alice, token=token, with_code=True, now=now)
    for code in ("", "000000" if link.code != "000000" else "111111"):
        with pytest.raises(Problem) as refused:
            opened(link, now, code)
        assert link.secret not in str(refused.value)
        assert link.code not in str(refused.value)
