"""Inviting, promoting, demoting and removing people: permissions, effects and mails."""

import html
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import transaction
from django.template.loader import render_to_string
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cast import PASSWORD, Cast
from simsim.accounts.actions import add_user, change_role, remove_user
from simsim.accounts.invitations import MAX_PER_DAY_AND_ADDRESS, invite, invite_again
from simsim.accounts.models import Account, Membership, Role, User
from simsim.accounts.permissions import actor_of
from simsim.audit.models import AuditEvent
from simsim.mail.message import message
from simsim.mail.models import OwedMail
from simsim.problem import AlreadyExists, NotFound, NotPermitted, TooManyInvitations
from simsim.tokens.actions import create_token
from simsim.tokens.models import Status, Token

pytestmark = pytest.mark.django_db(databases="__all__")
DORA = "dora@acme.example"


@pytest.fixture(autouse=True)
def no_attempts_yet() -> None:
    """The cache counts attempts to sign in, and outlives a test."""
    cache.clear()


def sign_in(email: str, password: str = PASSWORD) -> Client:
    client = Client()
    answer = client.post("/sign-in/login/", {"login": email, "password": password})
    assert answer.status_code == 302, answer.content
    return client


@pytest.fixture
def alice(cast: Cast) -> Client:
    return sign_in(cast.alice.email)


def people(cast: Cast, *parts: object) -> str:
    return "/".join([f"/accounts/{cast.acme.pk}/people", *map(str, parts), ""])


def text_of(content: bytes) -> str:
    """Return a page's text: without tags, with single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", content.decode())).split())


def role_in(account: Account, email: str) -> str | None:
    return Membership.objects.filter(account=account, user__email=email).values_list("role", flat=True).first()


def grow_old(client: Client) -> None:
    """Make this browser's sign-in an hour old."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - 3600
    session.save()


def forms_of(cast: Cast) -> dict[str, dict[str, str]]:
    """Every form of the people pages, as somebody could send it by hand."""
    alice, bob = cast.alice.pk, cast.bob.pk
    return {
        people(cast, "invite"): {"email": "eve@evil.example", "role": "administrator"},
        people(cast, bob, "invite"): {},
        people(cast, bob, "role"): {"role": "administrator"},
        people(cast, alice, "role"): {"role": "member"},
        people(cast, bob, "remove"): {},
        people(cast, alice, "remove"): {},
    }


def state() -> tuple[object, ...]:
    return (
        list(Membership.objects.order_by("pk").values_list("account", "user", "role")),
        User.objects.count(),
        OwedMail.objects.count(),
        AuditEvent.objects.exclude(event__startswith="session.").count(),
    )


@pytest.mark.covers("R1")
@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("charlie", 404)])
def test_only_an_administrator_of_the_account_manages_its_people_in_the_console(
    cast: Cast, who: str, status: int
) -> None:
    client = sign_in(getattr(cast, who).email)
    before = state()
    assert client.get(people(cast)).status_code == status
    for address, form in forms_of(cast).items():
        for answer in (client.get(address), client.post(address, form)):
            assert answer.status_code == status, address
            assert "people/" not in answer.content.decode()
    assert state() == before


@pytest.mark.covers("R1")
def test_people_of_another_account_are_not_found_under_the_own_account(cast: Cast) -> None:
    charlie, before = sign_in(cast.charlie.email), state()
    for page, form in (("role", {"role": "member"}), ("remove", {}), ("invite", {})):
        address = f"/accounts/{cast.globex.pk}/people/{cast.alice.pk}/{page}/"
        assert (charlie.get(address).status_code, charlie.post(address, form).status_code) == (404, 404)
    assert state() == before


@pytest.mark.covers("R1")
def test_administrator_sees_who_belongs_and_whether_they_have_signed_in(cast: Cast, alice: Client) -> None:
    page = alice.get(people(cast))
    said = text_of(page.content)
    assert "alice@acme.example You Administrator" in said
    assert "bob@acme.example Member" in said
    assert said.count("Not yet") == 1, "Alice has signed in, Bob has not"
    assert "charlie" not in said
    sign_in(cast.bob.email)
    assert "Not yet" not in text_of(alice.get(people(cast)).content)
    assert f'<a href="{people(cast)}" aria-current="page">' in page.content.decode()
    assert f'href="{people(cast)}"' not in sign_in(cast.bob.email).get("/", follow=True).content.decode()


@pytest.mark.covers("R1", "B6")
def test_invited_person_chooses_a_password_with_the_link_and_signs_in(
    cast: Cast, alice: Client, settings: Settings
) -> None:
    answer = alice.post(people(cast, "invite"), {"email": " Dora@Acme.example ", "role": "member"}, follow=True)
    assert "dora@acme.example was invited" in text_of(answer.content)
    mail = OwedMail.objects.get()
    assert (mail.kind, mail.recipient) == ("invited", DORA)
    assert mail.facts["link"].startswith(f"http://{settings.BASE.netloc}/sign-in/password/reset/key/")
    assert not User.objects.get(email=DORA).has_usable_password()
    event = AuditEvent.objects.get(event="user.invited")
    assert (event.actor_label, event.details) == (cast.alice.email, {"email": DORA, "role": "member"})
    assert mail.facts["link"] not in str(vars(event))

    dora, chosen = Client(), "a password that Dora chose"
    form = dora.get(mail.facts["link"], follow=True)
    address = form.redirect_chain[-1][0]
    dora.post(address, {"password1": chosen, "password2": chosen})
    page = sign_in(DORA, chosen).get("/", follow=True)
    assert "You are a member of Acme" in text_of(page.content)
    assert "This link no longer works" in text_of(Client().get(mail.facts["link"], follow=True).content)


@pytest.mark.covers("R1")
def test_invitation_reads_the_same_in_text_and_in_html(cast: Cast, now: datetime, settings: Settings) -> None:
    invite(actor=cast.as_alice, account=cast.acme, email=DORA, role="administrator", now=now)
    add_user(actor=cast.olga, account=cast.globex, email="eve@acme.example", role="member", password=PASSWORD, now=now)
    invite(actor=cast.as_alice, account=cast.acme, email="eve@acme.example", role="member", now=now)
    new, known = OwedMail.objects.order_by("pk")
    until = f"{now + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT):%Y-%m-%d %H:%M} UTC"
    for mail, facts in (
        (new, ["alice@acme.example made you an administrator", until, new.facts["link"], new.facts["new_link"]]),
        (known, ["added you to the account Acme as a member", "eve@acme.example", "/sign-in/login/"]),
    ):  # fmt: skip
        sent = message(mail)
        body = html.unescape(re.sub("</?bdi>", "", str(sent.alternatives[0][0])))  # type: ignore[attr-defined]
        for fact in ["What happened", "What should I do", "How do I know this is genuine", *facts]:
            assert fact in sent.body
            assert fact in body
        assert sent.subject == "You have been added to Acme on Simsim"
    assert "/key/" not in str(known.facts), "whoever has a password signs in with it"


def test_account_name_is_text_in_the_html_of_the_invitation(cast: Cast) -> None:
    hostile = {"account": "<b>A</b> & B", "inviter": "a@b.example", "role": "member", "chooses": False, "link": "x"}
    assert "&lt;b&gt;A&lt;/b&gt; &amp; B" in render_to_string("mail/invited/html.html", hostile)
    assert "<b>A</b> & B" in render_to_string("mail/invited/text.txt", hostile)


@pytest.mark.covers("R1")
def test_error_in_an_invitation_is_shown_beside_the_field(cast: Cast, alice: Client) -> None:
    before = state()
    for form, status, said in (
        ({"email": "no address", "role": "member"}, 422, "This is not an email address."),
        ({"email": DORA, "role": "owner"}, 422, "either administrator or member"),
        ({"email": "bob@acme.example", "role": "member"}, 409, "bob@acme.example already belongs to the account."),
        ({"email": "e@x.example\r\nBcc: v@x.example", "role": "member"}, 422, "This is not an email address."),
    ):
        answer = alice.post(people(cast, "invite"), form)
        assert answer.status_code == status
        assert said in html.unescape(
            " ".join(re.findall(r'class="invalid-feedback"[^>]*>([^<]*)<', answer.content.decode()))
        )
        assert html.escape(form["email"].split("\r")[0]) in answer.content.decode()
    assert state() == before


@pytest.mark.covers("R1", "B6")
def test_invitation_is_sent_again_only_to_people_who_have_never_signed_in(
    cast: Cast, alice: Client, now: datetime
) -> None:
    dora = invite(actor=cast.as_alice, account=cast.acme, email=DORA, role="member", now=now).user
    with pytest.raises(NotPermitted):
        invite_again(actor=cast.as_bob, account=cast.acme, user=dora, now=now)
    with pytest.raises(NotFound):
        invite_again(actor=cast.as_charlie, account=cast.acme, user=dora, now=now)
    later = now + timedelta(hours=1)
    for _ in range(3):  # the button pressed three times
        invite_again(actor=cast.as_alice, account=cast.acme, user=dora, now=later)
    mails = OwedMail.objects.filter(kind="invited", recipient=DORA)
    assert mails.count() == 2
    assert AuditEvent.objects.filter(event="user.invited", details__again=True).count() == 1
    assert all("/key/" in mail.facts["link"] for mail in mails)
    page = alice.post(people(cast, dora.pk, "invite"), follow=True)
    assert "A new invitation is on its way to dora@acme.example" in text_of(page.content)
    refused = alice.post(people(cast, cast.alice.pk, "invite"), follow=True)
    assert "alice@acme.example has signed in already." in text_of(refused.content)
    with pytest.raises(AlreadyExists):
        invite_again(actor=cast.as_alice, account=cast.acme, user=User.objects.get(pk=cast.alice.pk), now=later)
    assert not OwedMail.objects.filter(recipient=cast.alice.email).exists()


@pytest.mark.covers("R1")
def test_invitation_and_its_mail_are_rolled_back_together(cast: Cast, now: datetime) -> None:
    before = state()
    with transaction.atomic():
        invite(actor=cast.as_alice, account=cast.acme, email=DORA, role="member", now=now)
        assert state() != before
        transaction.set_rollback(True)
    assert state() == before


@pytest.mark.covers("R1", "R2")
def test_administrator_promotes_demotes_and_removes_after_being_asked(cast: Cast, alice: Client, now: datetime) -> None:
    bob, promote = cast.bob.email, people(cast, cast.bob.pk, "role")
    assert "Make bob@acme.example an administrator?" in text_of(alice.get(promote).content)
    said = alice.post(promote, {"role": "administrator"}, follow=True)
    assert "bob@acme.example is now an administrator of Acme." in text_of(said.content)
    token, _ = create_token(actor=actor_of(cast.bob), account=cast.acme, name="Bob’s", expires="30d", now=now)

    demote = alice.get(promote)
    assert "Make bob@acme.example a member?" in text_of(demote.content)
    assert "keeps working" in text_of(demote.content)
    said = alice.post(promote, {"role": "member"}, follow=True)
    assert "bob@acme.example is now a member of Acme." in text_of(said.content)
    assert role_in(cast.acme, bob) == "member"

    question = alice.get(people(cast, cast.bob.pk, "remove"))
    assert "Remove bob@acme.example from Acme?" in text_of(question.content)
    assert "keeps working" in text_of(question.content)
    assert role_in(cast.acme, bob) == "member", "a question changes nothing"
    said = alice.post(people(cast, cast.bob.pk, "remove"), follow=True)
    assert "bob@acme.example no longer belongs to Acme." in text_of(said.content)
    assert role_in(cast.acme, bob) is None
    assert Token.objects.get(pk=token.pk).status(now) == Status.ACTIVE
    assert alice.post(people(cast, cast.alice.pk, "role"), {"role": "owner"}).status_code == 422


@pytest.mark.covers("R1")
def test_page_explains_why_the_last_administrator_cannot_be_changed(cast: Cast, alice: Client) -> None:
    listed = alice.get(people(cast)).content.decode()
    assert "You are the last administrator" in listed
    before = state()
    for page, form in (("role", {"role": "member"}), ("remove", {})):
        address = people(cast, cast.alice.pk, page)
        assert address not in listed
        asked, refused = alice.get(address), alice.post(address, form)
        assert (asked.status_code, refused.status_code) == (200, 409)
        for answer in (asked, refused):
            assert "alice@acme.example is the last administrator" in text_of(answer.content)
            assert "btn-danger" not in answer.content.decode().replace("btn-danger-quiet", "")
    assert state() == before


@pytest.mark.covers("R1")
@pytest.mark.parametrize(("page", "question", "end"), [
    ("role", "Step down as an administrator of Acme?", "You are now a member of Acme"),
    ("remove", "Leave Acme?", "You no longer belong to Acme."),
])  # fmt: skip
def test_person_who_gives_up_their_role_is_asked_first_and_lands_on_a_permitted_page(
    cast: Cast, alice: Client, now: datetime, page: str, question: str, end: str
) -> None:
    change_role(actor=cast.olga, account=cast.acme, user=cast.bob, role="administrator", now=now)
    address = people(cast, cast.alice.pk, page)
    asked = text_of(alice.get(address).content)
    assert question in asked
    assert "Only another administrator" in asked or "a new invitation from an administrator" in asked
    said = alice.post(address, {"role": "member"}, follow=True)
    assert said.status_code == 200
    assert end in text_of(said.content)
    assert alice.get(people(cast)).status_code in {403, 404}
    assert role_in(cast.acme, cast.bob.email) == "administrator"


@pytest.mark.covers("R1")
def test_people_cannot_be_managed_at_an_open_browser(cast: Cast, alice: Client, now: datetime) -> None:
    change_role(actor=cast.olga, account=cast.acme, user=cast.bob, role="administrator", now=now)
    bobs: Callable[[str], str] = lambda page: people(cast, cast.bob.pk, page)  # noqa: E731
    attempts: list[tuple[str, dict[str, str]]] = [
        (people(cast, "invite"), {"email": "eve@evil.example", "role": "administrator"}),
        (people(cast, "invite"), {"email": "eve@evil.example", "role": "ADMINISTRATOR"}),
        (bobs("role"), {"role": "member"}),
        (bobs("role"), {"role": "administrator"}),
        (bobs("remove"), {}),
    ]
    grow_old(alice)
    before = state()
    for address, form in attempts:
        answer = alice.post(address, form)
        assert answer.status_code == 302, address
        assert answer["Location"].startswith("/sign-in/reauthenticate/")
    assert state() == before
    invited = alice.post(people(cast, "invite"), {"email": DORA, "role": "member"})
    assert invited["Location"] == people(cast), "a member is no foothold"

    # After the password comes the page, without the form that somebody else may have sent.
    for address, form in attempts:
        asked = alice.post(address, form)
        assert alice.post(asked["Location"], {"password": PASSWORD})["Location"] == address
        grow_old(alice)
    assert role_in(cast.acme, "eve@evil.example") is None
    assert role_in(cast.acme, cast.bob.email) == Role.ADMINISTRATOR


@pytest.mark.covers("R1")
def test_people_page_hides_sign_ins_from_before_the_person_joined(cast: Cast, alice: Client, now: datetime) -> None:
    charlie = sign_in(cast.charlie.email)
    invite(actor=cast.as_charlie, account=cast.globex, email=cast.alice.email, role="member", now=timezone.now())
    theirs = f"/accounts/{cast.globex.pk}/people/"
    assert text_of(charlie.get(theirs).content).count("Not yet") == 1
    sign_in(cast.alice.email)
    assert "Not yet" not in text_of(charlie.get(theirs).content)


def test_invitations_are_limited_by_day_and_person(cast: Cast, now: datetime) -> None:
    for hour in range(MAX_PER_DAY_AND_ADDRESS):
        at = now + timedelta(hours=hour)
        invite(actor=cast.as_alice, account=cast.acme, email=DORA, role="member", now=at)
        remove_user(actor=cast.as_alice, account=cast.acme, user=User.objects.get(email=DORA), now=at)
    with pytest.raises(TooManyInvitations):
        invite(actor=cast.as_alice, account=cast.acme, email=f" {DORA.upper()}", role="member", now=at)
    invite(actor=cast.as_alice, account=cast.acme, email="eve@acme.example", role="member", now=at)
    invite(actor=cast.as_alice, account=cast.acme, email=DORA, role="member", now=at + timedelta(days=1))


@pytest.mark.covers("R1", "R2")
def test_removed_person_comes_back_by_a_new_invitation_with_the_password_they_had(cast: Cast, now: datetime) -> None:
    remove_user(actor=cast.as_alice, account=cast.acme, user=cast.bob, now=now)
    stored = User.objects.get(pk=cast.bob.pk).password
    invite(actor=cast.as_alice, account=cast.acme, email=cast.bob.email, role="member", now=now)
    assert User.objects.get(pk=cast.bob.pk).password == stored
    assert OwedMail.objects.get().facts["link"].endswith("/sign-in/login/")
    assert "You are a member of Acme" in text_of(sign_in(cast.bob.email).get("/", follow=True).content)
