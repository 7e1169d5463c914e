"""Members' requests for tokens: each is stored, mailed, and declined or granted once."""

import html
import re
import time
import uuid
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from cast import PASSWORD, Cast
from concurrency import race
from simsim.accounts.actions import add_user, change_role, remove_user
from simsim.accounts.models import Account, User
from simsim.accounts.permissions import OPERATOR, actor_of
from simsim.audit.models import AuditEvent
from simsim.mail.message import message
from simsim.mail.models import OwedMail
from simsim.problem import AlreadyAnswered, Invalid, NotFound, NotPermitted
from simsim.tokens.actions import create_token
from simsim.tokens.models import TargetSoftware, Token, TokenRequest
from simsim.tokens.token_requests import MAX_UNANSWERED, ask_for_token, decline_request

pytestmark = pytest.mark.django_db(databases="__all__")
FORM = {"name": "Sales report", "purpose": "The weekly figures\nfor the board", "software": "power-bi"}
CREATE = {"name": "Sales report", "expires": "30d", "network": ""}


@pytest.fixture(autouse=True)
def no_attempts_yet() -> None:
    """The cache counts attempts to sign in, and outlives a test."""
    cache.clear()


def sign_in(user: User) -> Client:
    client = Client()
    assert client.post("/sign-in/login/", {"login": user.email, "password": PASSWORD}).status_code == 302
    return client


@pytest.fixture
def alice(cast: Cast) -> Client:
    return sign_in(cast.alice)


@pytest.fixture
def bob(cast: Cast) -> Client:
    return sign_in(cast.bob)


@pytest.fixture
def asked(cast: Cast, now: datetime) -> TokenRequest:
    return ask_for_token(actor=cast.as_bob, account=cast.acme, now=now, **FORM)


def at(account: Account, *parts: object) -> str:
    return "/".join([f"/accounts/{account.pk}", *map(str, parts), ""])


def text_of(content: bytes) -> str:
    """Return a page's text: without tags, with single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", content.decode())).split())


def trail() -> list[str]:
    events = AuditEvent.objects.filter(event__startswith="token.").order_by("pk")
    return list(events.values_list("event", flat=True))


def state() -> tuple[object, ...]:
    requests = TokenRequest.objects.order_by("pk").values_list("pk", "answer", "token", "answered_by_label")
    return list(requests), Token.objects.count(), OwedMail.objects.count(), trail()


@pytest.mark.covers("R3")
def test_member_asks_with_one_form_and_every_active_administrator_is_mailed(
    cast: Cast, bob: Client, now: datetime
) -> None:
    add_user(actor=cast.olga, account=cast.acme, email="ann@acme.example", role="administrator", now=now)
    gone = add_user(actor=cast.olga, account=cast.acme, email="gone@acme.example", role="administrator", now=now).user
    User.objects.filter(pk=gone.pk).update(is_active=False)
    answer = bob.post(at(cast.acme, "ask"), FORM, follow=True)
    assert "Your request for “Sales report” was sent to the administrators." in text_of(answer.content)
    assert "Sales report Waiting The weekly figures for the board" in text_of(answer.content)
    request = TokenRequest.objects.get()
    assert (request.asked_by, request.asked_by_label, request.account) == (cast.bob, cast.bob.email, cast.acme)
    mails = list(OwedMail.objects.order_by("recipient"))
    assert [(mail.kind, mail.recipient) for mail in mails] == [
        ("token_requested", "alice@acme.example"), ("token_requested", "ann@acme.example"),
    ]  # fmt: skip
    sent = message(mails[0])
    assert sent.reply_to == ["bob@acme.example"]
    assert sent.subject == "bob@acme.example requests API token “Sales report” in Acme"
    body = html.unescape(str(sent.alternatives[0][0]))  # type: ignore[attr-defined]
    link = f"/accounts/{cast.acme.pk}/tokens/new/?request={request.pk}"
    for fact in ("Sales report", "Microsoft Power BI", "bob@acme.example", "The weekly figures", link,
                 "What happened", "What should I do", "How do I know this is genuine"):  # fmt: skip
        assert fact in sent.body
        assert fact in body


@pytest.mark.covers("R3", "B6")
def test_second_identical_request_changes_nothing_and_sends_no_mail(
    cast: Cast, bob: Client, asked: TokenRequest
) -> None:
    before = state()
    answer = bob.post(at(cast.acme, "ask"), FORM | {"name": "  SALES report ", "purpose": "Please!"}, follow=True)
    assert "You have already asked for “Sales report”." in text_of(answer.content)
    assert state() == before
    assert trail() == ["token.requested"]


@pytest.mark.covers("R3")
def test_member_has_five_unanswered_requests_at_most(cast: Cast, bob: Client, alice: Client, now: datetime) -> None:
    for number in range(MAX_UNANSWERED):
        bob.post(at(cast.acme, "ask"), FORM | {"name": f"T{number}"})
    before = state()
    refused = bob.post(at(cast.acme, "ask"), FORM | {"name": "One more"})
    assert refused.status_code == 409
    assert "5 of your requests are still waiting for an answer." in text_of(refused.content)
    assert 'value="One more"' in refused.content.decode(), "nothing typed is lost"
    assert state() == before
    # The limit is per person, and an answer frees a place.
    add_user(actor=cast.olga, account=cast.acme, email="mem@acme.example", role="member", now=now)
    other = actor_of(User.objects.get(email="mem@acme.example"))
    ask_for_token(actor=other, account=cast.acme, now=now, **FORM)
    first = TokenRequest.objects.get(name="T0")
    alice.post(at(cast.acme, "requests", first.pk, "decline"))
    assert bob.post(at(cast.acme, "ask"), FORM | {"name": "One more"}).status_code == 302


@pytest.mark.covers("R3")
def test_error_in_a_request_is_shown_beside_the_field(cast: Cast, bob: Client, now: datetime) -> None:
    TargetSoftware.objects.filter(slug="excel").update(retired_at=now)
    for change, said in (
        ({"name": " "}, "required"), ({"name": "x" * 201}, "200"), ({"purpose": "\n"}, "required"),
        ({"purpose": "x" * 1001}, "1000"), ({"software": "excel"}, "target software"), ({"name": "a\u202eb"}, "U+202E"),
    ):  # fmt: skip
        answer = bob.post(at(cast.acme, "ask"), FORM | change)
        assert answer.status_code == 422
        feedback = re.findall(r'class="invalid-feedback"[^>]*>([^<]*)<', answer.content.decode())
        assert [text for text in feedback if said in html.unescape(text)], change
    with pytest.raises(Invalid) as both:
        ask_for_token(actor=cast.as_bob, account=cast.acme, name="", purpose="", now=now)
    assert [error.field for error in both.value.errors] == ["name", "purpose"]
    assert not TokenRequest.objects.exists()


@pytest.mark.covers("R1", "R3")
def test_only_people_of_the_account_ask_and_only_its_administrators_answer(
    cast: Cast, asked: TokenRequest, bob: Client, now: datetime
) -> None:
    charlie, before = sign_in(cast.charlie), state()
    with pytest.raises(NotFound):
        ask_for_token(actor=cast.as_charlie, account=cast.acme, now=now, **FORM)
    with pytest.raises(NotPermitted):
        ask_for_token(actor=OPERATOR, account=cast.acme, now=now, **FORM)
    for actor, refusal in ((cast.as_bob, NotPermitted), (cast.as_charlie, NotFound), (OPERATOR, NotPermitted)):
        with pytest.raises(refusal):
            decline_request(actor=actor, request=asked, now=now)
        with pytest.raises(refusal):
            create_token(actor=actor, account=cast.acme, name="T", expires="1d", request=asked, now=now)
    with pytest.raises(NotFound):
        create_token(actor=cast.as_charlie, account=cast.globex, name="T", expires="1d", request=asked, now=now)
    assert charlie.post(at(cast.acme, "ask"), FORM).status_code == 404
    decline = at(cast.acme, "requests", asked.pk, "decline")
    assert (bob.post(decline).status_code, charlie.post(decline).status_code) == (403, 404)
    assert charlie.post(at(cast.globex, "requests", asked.pk, "decline")).status_code == 404
    assert state() == before


@pytest.mark.covers("R3")
def test_link_in_the_mail_opens_the_filled_in_form_and_changes_nothing(
    cast: Cast, alice: Client, asked: TokenRequest
) -> None:
    before = state()
    link = OwedMail.objects.get().facts["link"].removeprefix(settings.OPERATOR.base_url.rstrip("/"))
    page = alice.get(link).content.decode()
    assert 'value="Sales report"' in page
    assert '<option value="power-bi" selected>' in page
    assert re.search(r"<textarea[^>]*>\s*The weekly figures\nfor the board</textarea>", page)
    assert f'name="request" value="{asked.pk}"' in page
    assert "bob@acme.example asked for this token: The weekly figures" in text_of(page.encode())
    # The buttons for networks keep the request, and so does an error.
    for form, status in ((CREATE | {"press": "add-row"}, 200), (CREATE | {"name": ""}, 422)):
        again = alice.post(at(cast.acme, "tokens", "new"), form | {"request": str(asked.pk)})
        assert again.status_code == status
        assert f'name="request" value="{asked.pk}"' in again.content.decode()
    assert state() == before


@pytest.mark.covers("R3", "R8", "B6")
def test_creating_the_token_grants_the_request_and_notifies_the_member_without_credentials(
    cast: Cast, alice: Client, bob: Client, asked: TokenRequest
) -> None:
    OwedMail.objects.all().delete()
    answer = alice.post(at(cast.acme, "tokens", "new"), CREATE | {"name": "Board report", "request": str(asked.pk)})
    assert answer.status_code == 201
    secret = re.search(r"sim_[0-9A-Za-z]{49}", answer.content.decode())
    assert secret
    asked.refresh_from_db()
    token = Token.objects.get()
    assert (asked.answer, asked.token, asked.answered_by_label) == ("granted", token, "alice@acme.example")
    assert trail() == [
        "token.requested", "token.created", "token.request_granted", "token.hand_over_created",
    ]  # fmt: skip
    mail = OwedMail.objects.get(kind="token_request_granted")
    assert mail.recipient == "bob@acme.example"
    sent = message(mail)
    body = html.unescape(str(sent.alternatives[0][0]))  # type: ignore[attr-defined]
    for fact in ("Board report", "alice@acme.example", "Open the page below and sign in", f"{token.expires_at:%F}",
                 at(cast.acme)):  # fmt: skip
        assert fact in sent.body
        assert fact in body
    assert secret[0] not in str(vars(mail)) + str(sent.message())
    page = text_of(bob.get(at(cast.acme)).content)
    assert "Sales report Granted" in page
    assert "alice@acme.example created it" in page
    assert "request for a token" not in text_of(alice.get(at(cast.acme, "tokens")).content)


@pytest.mark.covers("R3")
def test_failed_creation_leaves_the_request_unanswered(
    cast: Cast, alice: Client, asked: TokenRequest, now: datetime
) -> None:
    create_token(actor=cast.as_alice, account=cast.acme, name="Sales report", expires="30d", now=now)
    before = state()
    taken = alice.post(at(cast.acme, "tokens", "new"), CREATE | {"request": str(asked.pk)})
    assert taken.status_code == 409
    assert state() == before
    with transaction.atomic():
        create_token(actor=cast.as_alice, account=cast.acme, name="B", expires="30d", request=asked, now=now)
        assert state() != before
        transaction.set_rollback(True)
    assert state() == before


@pytest.mark.covers("R3", "B6")
def test_declined_request_is_seen_by_the_member_and_stays_declined(
    cast: Cast, alice: Client, bob: Client, asked: TokenRequest, now: datetime
) -> None:
    listed = text_of(alice.get(at(cast.acme, "tokens")).content)
    assert "1 request for a token Sales report Microsoft Power BI The weekly figures for the board" in listed
    decline = at(cast.acme, "requests", asked.pk, "decline")
    assert alice.get(decline)["Location"] == at(cast.acme, "tokens")
    assert TokenRequest.objects.get().answer == "", "opening an address declines nothing"
    for _ in range(2):
        answer = alice.post(decline, follow=True)
        assert "Declined. bob@acme.example will see this on their page." in text_of(answer.content)
    assert "request for a token" not in text_of(answer.content)
    assert trail() == ["token.requested", "token.request_declined"]
    assert "Sales report Declined" in text_of(bob.get(at(cast.acme)).content)
    # An answered request is ignored, and the page says so.
    page = alice.get(at(cast.acme, "tokens", "new") + f"?request={asked.pk}").content
    assert "alice@acme.example has declined the request for “Sales report”." in text_of(page)
    assert 'name="request"' not in page.decode()
    with pytest.raises(AlreadyAnswered):
        create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="1d", request=asked, now=now)
    assert not Token.objects.exists()
    bob.post(at(cast.acme, "ask"), FORM)
    assert TokenRequest.objects.filter(answer="").count() == 1, "it may be asked for again"


@pytest.mark.covers("R3")
def test_form_for_an_answered_request_creates_no_second_token(cast: Cast, alice: Client, asked: TokenRequest) -> None:
    new, form = at(cast.acme, "tokens", "new"), CREATE | {"request": str(asked.pk)}
    assert alice.post(new, form).status_code == 201
    again = alice.post(new, form | {"name": "Another"})
    assert again.status_code == 409
    assert "alice@acme.example has answered this request in the meantime." in text_of(again.content)
    assert 'value="Another"' in again.content.decode()
    assert 'name="request"' not in again.content.decode()
    assert Token.objects.count() == 1
    assert alice.post(new, CREATE | {"name": "Another"}).status_code == 201


@pytest.mark.covers("R3")
def test_foreign_request_is_not_found(cast: Cast, asked: TokenRequest, now: datetime) -> None:
    charlie, before = sign_in(cast.charlie), state()
    new = at(cast.globex, "tokens", "new")
    pages = [text_of(charlie.get(f"{new}?request={wanted}").content) for wanted in (asked.pk, uuid.uuid4(), "x", "")]
    for page in pages:
        assert "There is no such request in this account." in page
        assert "weekly figures" not in page
        assert "bob@" not in page
    assert state() == before
    assert charlie.post(new, CREATE | {"request": str(asked.pk)}).status_code == 201
    asked.refresh_from_db()
    assert asked.answered_at is None


@pytest.mark.covers("R3")
def test_request_is_kept_while_the_password_is_asked_for(cast: Cast, alice: Client, asked: TokenRequest) -> None:
    def grow_old() -> None:
        session = alice.session
        for record in session["account_authentication_methods"]:
            record["at"] = time.time() - 3600
        session.save()

    grow_old()
    link = at(cast.acme, "tokens", "new") + f"?request={asked.pk}"
    detour = alice.get(link)
    assert detour["Location"].startswith("/sign-in/reauthenticate/")
    page = alice.post(detour["Location"], {"password": PASSWORD}, follow=True)
    assert f'name="request" value="{asked.pk}"' in page.content.decode()
    grow_old()
    detour = alice.post(at(cast.acme, "tokens", "new"), CREATE | {"request": str(asked.pk)})
    alice.post(detour["Location"], {"password": PASSWORD}, follow=True)
    assert TokenRequest.objects.get().answer == "granted"


@pytest.mark.covers("R3")
def test_person_who_has_left_is_marked_and_gets_no_mail(
    cast: Cast, alice: Client, asked: TokenRequest, now: datetime
) -> None:
    assert "no longer in the account" not in text_of(alice.get(at(cast.acme, "tokens")).content)
    remove_user(actor=cast.as_alice, account=cast.acme, user=cast.bob, now=now)
    assert "no longer in the account" in text_of(alice.get(at(cast.acme, "tokens")).content)
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="1d", request=asked, now=now)
    assert not OwedMail.objects.filter(recipient=cast.bob.email).exists()


@pytest.mark.covers("R3")
def test_member_sees_only_their_own_requests_and_texts_are_escaped(
    cast: Cast, alice: Client, bob: Client, now: datetime
) -> None:
    hostile = "<script>alert(1)</script> \"'&amp;"
    ask_for_token(actor=cast.as_bob, account=cast.acme, name=hostile, purpose=hostile, now=now)
    other = add_user(actor=cast.olga, account=cast.acme, email="mem@acme.example", role="member", now=now).user
    ask_for_token(actor=actor_of(other), account=cast.acme, name="Theirs", purpose="Secret plans", now=now)
    mine, theirs = bob.get(at(cast.acme)).content.decode(), alice.get(at(cast.acme, "tokens")).content.decode()
    request = TokenRequest.objects.get(name=hostile)
    form = alice.get(at(cast.acme, "tokens", "new") + f"?request={request.pk}").content.decode()
    for page in (mine, theirs, form, str(message(OwedMail.objects.order_by("pk")[0]).alternatives[0][0])):  # type: ignore[attr-defined]
        assert "<script>alert" not in page
        assert hostile in html.unescape(page)
    assert "Secret plans" not in mine
    assert "Secret plans" in theirs


@pytest.mark.covers("R3")
def test_get_of_the_request_form_redirects_each_role_to_its_page(cast: Cast, alice: Client, bob: Client) -> None:
    assert bob.get(at(cast.acme, "ask"))["Location"] == at(cast.acme)
    assert alice.get(at(cast.acme, "ask"), follow=True).redirect_chain[-1][0] == at(cast.acme, "tokens")


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.covers("R3", "B11")
def test_concurrent_requests_keep_the_limit_and_get_one_answer(cast: Cast, now: datetime) -> None:
    change_role(actor=OPERATOR, account=cast.acme, user=cast.bob, role="administrator", now=now)

    def ask(name: str) -> None:
        ask_for_token(actor=cast.as_bob, account=cast.acme, name=name, purpose="p", now=now)

    outcomes = race(*[lambda name=name: ask(name) for name in ("same", "same", "a", "b", "c", "d", "e", "f")])
    assert TokenRequest.objects.filter(answer="").count() == MAX_UNANSWERED
    assert TokenRequest.objects.filter(name="same").count() <= 1
    assert "TooManyRequested" in outcomes

    for number, request in enumerate(TokenRequest.objects.all()):
        outcomes = race(*[
            lambda actor=actor, name=f"{number}-{actor.label}", request=request: create_token(
                actor=actor, account=cast.acme, name=name, expires="1d", request=request, now=now + timedelta(hours=1)
            )
            for actor in (cast.as_alice, cast.as_bob)
        ])  # fmt: skip
        assert outcomes == ["AlreadyAnswered", "done"]
    assert Token.objects.count() == TokenRequest.objects.count() == MAX_UNANSWERED


@pytest.mark.covers("R3")
def test_refused_form_of_a_member_links_to_each_wrong_field_and_the_first_has_the_focus(cast: Cast) -> None:
    refused = sign_in(cast.bob).post(at(cast.acme, "ask"), {"name": "", "purpose": "", "software": "nonsense"})
    assert refused.status_code == 422
    page = refused.content.decode()
    assert re.findall(r'<li><a href="#([a-z_]+)">', page) == ["id_name", "id_purpose", "id_software"]
    (focused,) = re.findall(r"<[^>]*\sautofocus[^>]*>", page)
    assert 'id="id_name"' in focused
