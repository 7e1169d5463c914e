"""The pages of webhooks: for administrators, with each secret shown once (B20)."""

import re
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.test import Client
from pytest_django import Settings

from cast import Cast
from console_client import sign_in, text_of
from simsim.config.webhook_settings import read_webhook_rules
from simsim.delivery.connection import ReceiverUnavailable
from simsim.webhooks import actions, outbox
from simsim.webhooks.models import PauseReason, WebhookDelivery, WebhookEndpoint

pytestmark = [pytest.mark.django_db, pytest.mark.covers("B20")]
FIELDS = {"name": "Tickets", "url": "https://hooks.example/simsim?key=k", "events": ["token.created", "token.revoked"]}


@pytest.fixture(autouse=True)
def ordinary_rules(settings: Settings) -> None:
    settings.WEBHOOK_RULES = read_webhook_rules([], False, "")


@pytest.fixture
def alice(cast: Cast) -> Client:
    """Alice has just signed in with her password."""
    return sign_in(cast.alice)


@pytest.fixture
def home(cast: Cast) -> str:
    return f"/accounts/{cast.acme.pk}/webhooks/"


@pytest.fixture
def endpoint(cast: Cast, now: datetime) -> WebhookEndpoint:
    return actions.add_endpoint(actor=cast.as_alice, account=cast.acme, now=now, **FIELDS)[0]  # type: ignore[arg-type]


def test_the_secret_is_shown_in_the_answer_and_nowhere_else(alice: Client, home: str) -> None:
    assert "No webhooks yet" in text_of(alice.get(home))
    answer = alice.post(f"{home}new/", FIELDS)
    assert answer.status_code == 201
    (secret,) = re.findall(r'value="(whsec_[^"]+)"', answer.content.decode())
    assert "no-store" in answer["Cache-Control"]
    endpoint = WebhookEndpoint.objects.get()
    for page in ("", f"{endpoint.pk}/", f"{endpoint.pk}/edit/", f"{endpoint.pk}/rotate/", f"{endpoint.pk}/remove/"):
        shown = alice.get(home + page)
        assert shown.status_code == 200
        assert secret not in shown.content.decode()
        assert "Tickets" in text_of(shown)
    rotated = alice.post(f"{home}{endpoint.pk}/rotate/")
    assert rotated.status_code == 201
    assert secret not in rotated.content.decode()
    assert "Simsim signs with the previous one, too" in text_of(alice.get(f"{home}{endpoint.pk}/"))
    assert "less than 24 hours ago" in text_of(alice.get(f"{home}{endpoint.pk}/rotate/"))


def test_errors_stand_at_their_fields_and_keep_what_was_typed(alice: Client, home: str, cast: Cast) -> None:
    answer = alice.post(f"{home}new/", {"name": "", "url": "https://192.168.0.7/hook"})
    text = text_of(answer)
    assert answer.status_code == 422
    for part in ("Nothing was saved", "This field is required.", "a private network", "Choose at least one event."):
        assert part in text
    assert 'value="https://192.168.0.7/hook"' in answer.content.decode()
    for number in range(actions.MAX_ENDPOINTS):
        assert alice.post(f"{home}new/", FIELDS | {"name": f"N{number}"}).status_code == 201
    full = alice.post(f"{home}new/", FIELDS)
    assert (full.status_code, "which is the maximum" in text_of(full)) == (409, True)
    assert cast.acme.webhooks.count() == actions.MAX_ENDPOINTS


def test_edit_changes_the_webhook(alice: Client, home: str, endpoint: WebhookEndpoint) -> None:
    page = alice.get(f"{home}{endpoint.pk}/edit/").content.decode()
    assert page.count(" checked") == 2
    changed = {"name": "Chat", "url": "https://chat.example/", "events": ["token.expired"]}
    assert alice.post(f"{home}{endpoint.pk}/edit/", changed).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.url, endpoint.events) == ("Chat", "https://chat.example/", ["token.expired"])
    refused = alice.post(f"{home}{endpoint.pk}/edit/", changed | {"events": []})
    assert refused.status_code == 422


def test_deliveries_show_each_answer_and_can_be_sent_again(
    alice: Client, home: str, endpoint: WebhookEndpoint, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = f"{home}{endpoint.pk}/"
    assert "Nothing was sent yet" in text_of(alice.get(page))
    assert "on its way" in text_of(alice.post(f"{page}test/", follow=True))
    answers: Iterator[int | Exception] = iter([ReceiverUnavailable("its name can't be found in DNS"), 503, 204])

    def answered(*_: object, **__: object) -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(outbox, "send", answered)
    moment = now + timedelta(seconds=5)
    for _ in range(2):
        outbox.deliver_due(now=moment)
        moment += timedelta(minutes=5)
    text = text_of(alice.get(page))
    assert "Test event webhook.test" in text
    assert "503 Service Unavailable" in text
    assert "No event has reached the receiver since" in text
    delivery = WebhookDelivery.objects.get()
    details = f"{page}deliveries/{delivery.pk}/"
    text = text_of(alice.get(details))
    assert "503 Service Unavailable" in text
    assert "its name can't be found in DNS" in text
    assert delivery.message_id in text.replace(" ", "")
    assert "being sent again" in text_of(alice.post(f"{details}resend/", follow=True))
    outbox.deliver_due(now=moment)
    assert "204 No Content" in text_of(alice.get(details))
    assert "Delivered" in text_of(alice.get(page))


def test_pause_and_resume(alice: Client, home: str, endpoint: WebhookEndpoint, cast: Cast, now: datetime) -> None:
    page = f"{home}{endpoint.pk}/"
    assert "Events wait until you resume" in text_of(alice.post(f"{page}pause/", follow=True))
    text = text_of(alice.get(page))
    assert "Paused by an administrator" in text
    assert f"{endpoint.pk}/test/" not in alice.get(page).content.decode()
    assert "is paused. Resume it first." in text_of(alice.post(f"{page}test/", follow=True))
    assert "Resumed" in text_of(alice.post(f"{page}resume/", follow=True))
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    for reason, said in ((PauseReason.FAILING, "every delivery failed"), (PauseReason.GONE, "410 Gone")):
        WebhookEndpoint.objects.update(paused_at=now, pause_reason=reason)
        assert said in text_of(alice.get(page))
        refused = alice.post(f"{page}deliveries/{delivery.pk}/resend/", follow=True)
        assert "Resume it first." in text_of(refused)
    assert "Paused" in text_of(alice.get(home))


def test_remove_asks_first(alice: Client, home: str, endpoint: WebhookEndpoint) -> None:
    assert "can’t be undone" in text_of(alice.get(f"{home}{endpoint.pk}/remove/"))
    assert WebhookEndpoint.objects.exists()
    assert "was removed" in text_of(alice.post(f"{home}{endpoint.pk}/remove/", follow=True))
    assert not WebhookEndpoint.objects.exists()


def test_long_lists_have_pages(alice: Client, home: str, endpoint: WebhookEndpoint, now: datetime) -> None:
    for number in range(60):
        WebhookDelivery.objects.create(
            endpoint=endpoint, message_id=f"m{number}", event="token.created", body="{}", owed_at=now, due_at=now
        )
    page = alice.get(f"{home}{endpoint.pk}/").content.decode()
    (older,) = re.findall(r'href="\?cursor=(\d+)"', page)
    assert page.count("<small>token.created</small>") == 50
    assert (
        alice.get(f"{home}{endpoint.pk}/?cursor={older}").content.decode().count("<small>token.created</small>") == 10
    )
    assert alice.get(f"{home}{endpoint.pk}/?cursor=x").status_code == 422


def test_members_and_strangers_get_no_page(cast: Cast, home: str, endpoint: WebhookEndpoint, now: datetime) -> None:
    delivery = actions.send_test_event(actor=cast.as_alice, endpoint=endpoint, now=now)
    own = f"{home}{endpoint.pk}/"
    pages = [home, f"{home}new/", own, f"{own}deliveries/{delivery.pk}/", f"{own}deliveries/{delivery.pk}/resend/"]
    pages += [own + page for page in ("edit/", "rotate/", "remove/", "test/", "pause/", "resume/")]
    for user, status in ((cast.bob, 403), (cast.charlie, 404)):
        client = sign_in(user)
        for page in pages:
            assert client.get(page).status_code == status, page
            assert client.post(page, FIELDS).status_code in {status, 405}, page
        assert "Webhooks" not in text_of(client.get(f"/accounts/{cast.acme.pk}/"))
    charlie = sign_in(cast.charlie)
    theirs = f"/accounts/{cast.globex.pk}/webhooks/"
    for page in (f"{endpoint.pk}/", f"{uuid.uuid4()}/", f"{endpoint.pk}/deliveries/{delivery.pk}/"):
        assert charlie.get(theirs + page).status_code == 404
    assert WebhookEndpoint.objects.count() == 1


def test_an_old_session_must_enter_the_password_again(
    cast: Cast, home: str, endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in(cast.alice)
    monkeypatch.setattr("simsim.console.recent_authentication.is_recent", lambda _: False)
    for page in ("new/", f"{endpoint.pk}/edit/", f"{endpoint.pk}/rotate/"):
        for answer in (client.get(home + page), client.post(home + page, FIELDS)):
            assert answer.status_code == 302, page
            assert "/sign-in/reauthenticate/" in answer["Location"]
    assert WebhookEndpoint.objects.get().previous_works_until is None
