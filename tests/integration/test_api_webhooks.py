"""Webhooks, links that hand a token over, emails, and the operator's view, by the management API."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from api_client import Program, program_of_alice, program_of_olga
from cast import Cast
from logged_requests import logged
from simsim.audit.models import AuditEvent
from simsim.mail.models import OwedMail
from simsim.management_tokens.models import Scope
from simsim.request_log.models import Flood
from simsim.tokens.actions import create_token
from simsim.tokens.hand_over import open_link
from simsim.webhooks.models import WebhookDelivery, WebhookEndpoint

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.covers("B7")]
NEW = {"name": "Tickets", "url": "https://hooks.example/in?key=k", "events": ["token.created", "token.revoked"]}


@pytest.fixture
def alice(cast: Cast, now: datetime) -> Program:
    return program_of_alice(cast, now, Scope.TOKENS)


@pytest.fixture
def path(cast: Cast) -> str:
    return f"/accounts/{cast.acme.pk}"


def slug(answer: Any) -> str:
    return str(answer.json()["type"]).rpartition("#")[2]


@pytest.mark.covers("B20")
def test_a_script_does_with_webhooks_what_an_administrator_does(
    alice: Program, path: str, cast: Cast, now: datetime
) -> None:
    added = alice.post(f"{path}/webhooks", NEW, Idempotency_Key="deploy-1")
    assert (added.status_code, added.json()["secret"][:6]) == (201, "whsec_")
    # The answer was lost: the same secret again, and no second webhook.
    assert alice.post(f"{path}/webhooks", NEW, Idempotency_Key="deploy-1").json() == added.json()
    assert WebhookEndpoint.objects.count() == 1
    hook = f"{path}/webhooks/{added.json()['id']}"
    assert added.headers["Location"] == f"/api/v1{hook}"
    shown = alice.get(hook)
    assert "secret" not in shown.json()
    # What the worker notes about deliveries is nobody's change.
    WebhookEndpoint.objects.update(last_delivered_at=now, failing_since=now)
    tag = shown.headers["ETag"]
    assert alice.patch(hook, {"name": "Night"}).status_code == 428
    edited = alice.patch(hook, {"events": ["token.expiring"]}, If_Match=tag)
    assert (edited.status_code, edited.json()["events"], edited.json()["name"]) == (200, ["token.expiring"], "Tickets")
    assert alice.patch(hook, {"name": "Night"}, If_Match=tag).status_code == 412
    wrong = alice.patch(hook, {"url": "ftp://hooks.example", "events": ["token.lost"]}, If_Match="*")
    assert {each["field"] for each in wrong.json()["errors"]} == {"url", "events"}
    rotated = alice.post(f"{hook}/rotate").json()
    assert rotated["secret"] != added.json()["secret"]
    assert rotated["previous_secret_works_until"] is not None
    assert alice.post(f"{hook}/pause").json()["status"] == "paused"
    assert slug(alice.post(f"{hook}/test")) == "webhook-paused"
    assert alice.post(f"{hook}/resume").json()["status"] == "active"
    test = alice.post(f"{hook}/test").json()
    WebhookDelivery.objects.update(given_up_at=now, last_error="410 Gone")
    listed = alice.get(f"{hook}/deliveries?state=given_up&limit=1").json()
    assert [each["id"] for each in listed["items"]] == [test["id"]]
    again = alice.post(f"{hook}/deliveries/{test['id']}/resend").json()
    assert (again["state"], again["message_id"]) == ("waiting", test["message_id"])
    assert alice.get(f"{hook}/deliveries/{test['id']}").json() == again
    assert alice.send("DELETE", hook).status_code == 204
    assert alice.get(hook).status_code == 404
    done = AuditEvent.objects.filter(event__startswith="webhook.").order_by("pk").values_list("event", flat=True)
    assert list(done) == [
        "webhook.added", "webhook.edited", "webhook.secret_rotated", "webhook.paused", "webhook.resumed",
        "webhook.tested", "webhook.resent", "webhook.removed",
    ]  # fmt: skip
    reader = program_of_alice(cast, now, Scope.READ)
    assert reader.get(f"{path}/webhooks").json() == {"items": [], "next_cursor": None}
    assert slug(reader.post(f"{path}/webhooks", NEW)) == "insufficient-scope"


@pytest.mark.covers("B14")
def test_a_link_that_was_handed_out_is_listed_and_taken_back(
    alice: Program, path: str, cast: Cast, now: datetime
) -> None:
    token, _ = create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    links = f"{path}/tokens/{token.pk}/hand-over"
    made = [alice.post(links, {}).json() for _ in range(2)]
    open_link(made[1]["url"].rpartition("#")[2], code="", address="203.0.113.9", now=now + timedelta(seconds=1))
    taken = [alice.post(f"{links}/{each['id']}/take-back").json()["state"] for each in made]
    assert taken == ["taken_back", "used"]
    listed = alice.get(links)
    assert {each["state"] for each in listed.json()["items"]} == {"taken_back", "used"}
    assert made[0]["url"].rpartition("#")[2] not in listed.content.decode()
    assert alice.post(f"{links}/{token.pk}/take-back").status_code == 404


@pytest.mark.covers("B10")
def test_an_account_reads_which_emails_about_its_tokens_arrived(
    alice: Program, path: str, cast: Cast, now: datetime
) -> None:
    tokens = [
        create_token(actor=actor, account=account, name="T", expires="90d", now=now)[0]
        for actor, account in ((cast.as_alice, cast.acme), (cast.as_charlie, cast.globex))
    ]
    OwedMail.objects.update(given_up_at=now, last_error="OSError: mail.internal:25 refused")
    first = alice.get(f"{path}/emails?token={tokens[0].pk}").json()["items"]
    assert [(each["kind"], each["recipient"], each["state"], each["answer"]) for each in first] == [
        ("token_created", "alice@acme.example", "given_up", None)
    ]
    assert alice.get(f"{path}/emails").json()["items"] == first
    assert alice.get(f"{path}/emails?token={tokens[1].pk}").status_code == 404
    assert alice.get("/emails").status_code == 403


@pytest.mark.covers("R17")
def test_requests_of_a_flood_that_are_only_counted_are_told(
    alice: Program, path: str, cast: Cast, now: datetime
) -> None:
    minute = now.replace(second=0, microsecond=0)
    Flood.objects.create(minute=minute, network="203.0.113.9", account=cast.acme.pk.hex, stored=100, counted=4711)
    counted = alice.get(f"{path}/requests/counted?since={now.date()}").json()
    assert (counted["requests"], counted["network"], counted["other_networks"]) == (4711, "203.0.113.9", 0)
    assert alice.get(f"{path}/requests/counted?outcome=accepted").json()["requests"] == 0
    assert alice.get(f"{path}/requests/{logged(account_id=cast.acme.pk).pk}").status_code == 200


def test_a_script_reads_the_state_of_the_installation_and_sends_an_email_again(cast: Cast, now: datetime) -> None:
    olga = program_of_olga(now)
    create_token(actor=cast.as_alice, account=cast.acme, name="T", expires="90d", now=now)
    OwedMail.objects.update(given_up_at=now, last_error="550 No such user here")
    status = olga.get("/status").json()
    assert (status["mail"]["waiting"], status["tokens"]["active"]) == (0, 1)
    checks = olga.get("/checks").json()
    assert {"mails", "keys", "disk"} <= {each["subject"] for each in checks["items"]}
    assert checks["ok"] is all(each["ok"] for each in checks["items"])
    stored = olga.get("/stored-data").json()
    assert stored["retention_days"]["log"] == 365
    assert next(each for each in stored["tables"] if each["name"] == "Tokens")["rows"] == 1
    [key] = stored["keys"]
    assert (key["encrypts_new"], key["passwords"]) == (True, 1)
    [mail] = olga.get("/emails?state=given_up").json()["items"]
    retried = olga.post(f"/emails/{mail['id']}/retry").json()
    assert (retried["state"], retried["account_id"]) == ("waiting", str(cast.acme.pk))
    OwedMail.objects.update(delivered_at=now)
    assert slug(olga.post(f"/emails/{mail['id']}/retry")) == "conflict"
    assert olga.post("/target-software", {"slug": "looker", "name": "Looker"}).status_code == 201
    assert olga.post("/target-software/looker/retire").json()["retired_at"] is not None
    assert olga.post("/target-software/other/retire").status_code == 404
